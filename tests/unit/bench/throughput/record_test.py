"""A run that was written can be shown again and compared; what is no such file is refused."""

import json
import pathlib
import tempfile
import unittest

import harness_fixture as fixture
from harness import compare, record, report
from harness.lab import BenchError

NOISE = {"spread_percent": 3.0, "warnings": ["it was noisy"]}
FACTS = {"processor": "one", "kernel": "6.1", "commit": "abc", "seconds": 1.0}


def recorded(factors, facts=None, **options):
    return record.Record(fixture.results(factors, **options), FACTS | (facts or {}),
                         {"mds": "Not affected"}, NOISE, ("somebody else was there",))


class RecordTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name, "run.json")

    def test_is_read_as_it_was_written(self):
        before = recorded({"bridge": 1.0, "tapswitch": 0.8})
        record.save(before, self.path)
        after = record.load(self.path)
        self.assertEqual(report.text(after.report()), report.text(before.report()))
        self.assertEqual((after.facts, after.mitigations, after.noise, after.disturbances),
                         (before.facts, before.mitigations, before.noise, before.disturbances))

    def test_has_all_rounds(self):
        record.save(recorded({"bridge": 1.0, "tapswitch": 0.8}), self.path)
        read = json.loads(self.path.read_text())
        self.assertEqual(len(read["samples"]["tcp1"]["tapswitch"]), len(fixture.STEADY))
        self.assertEqual(read["noise"], NOISE)

    def test_ratios_may_be_to_another_reference(self):
        record.save(recorded({"bridge": 1.0, "tapswitch": 0.5}), self.path)
        told = record.load(self.path).report("tapswitch")
        ratios = {(row.series.name, row.peer): row.ratio.median for row in told.rows}
        self.assertAlmostEqual(ratios["tcp1", "bridge"], 2.0)
        self.assertEqual(told.verdicts, ())
        with self.assertRaisesRegex(BenchError, "nobody"):
            record.load(self.path).report("nobody")

    def test_warns_of_noise_and_of_other_processes(self):
        told = recorded({"bridge": 1.0, "tapswitch": 0.8}).report()
        self.assertEqual(told.warnings, ("it was noisy", "somebody else was there"))

    def test_another_file_is_refused_with_its_name(self):
        record.save(recorded({"bridge": 1.0, "tapswitch": 0.8}), self.path)
        good = json.loads(self.path.read_text())
        bad_sample = {"tcp1": {"bridge": [{"value": "fast"}]}}
        for bad in ("", "[]", "{}", '{"format": 1}', json.dumps(good | {"format": 2}),
                    json.dumps(good | {"reference": "nobody"}),
                    json.dumps(good | {"samples": bad_sample}),
                    json.dumps(good | {"samples": {"unknown": {"bridge": []}}}),
                    json.dumps(good | {"series": [{"name": "x"}]})):
            self.path.write_text(bad)
            with self.assertRaisesRegex(BenchError, "run.json"):
                record.load(self.path)


class CompareTest(unittest.TestCase):
    def words(self, before, after):
        return {(one.series.name, one.peer): one.word for one in compare.changes(before, after)}

    def test_higher_is_better_for_rates_and_worse_for_times(self):
        words = self.words(recorded({"bridge": 1.0, "tapswitch": 0.8}),
                           recorded({"bridge": 1.0, "tapswitch": 1.1}))
        self.assertEqual(words["tcp1", "tapswitch"], "better")
        self.assertEqual(words["paced-2k-p50", "tapswitch"], "worse")
        self.assertEqual(words["tcp1", "bridge"], "inconclusive")

    def test_a_machine_that_became_slower_is_no_change_of_the_switch(self):
        words = self.words(recorded({"bridge": 1.0, "tapswitch": 0.8}),
                           recorded({"bridge": 0.5, "tapswitch": 0.4}))
        self.assertEqual(words["tcp1", "tapswitch"], "inconclusive")
        self.assertEqual(words["tcp1", "bridge"], "worse")

    def test_few_rounds_conclude_nothing(self):
        words = self.words(recorded({"bridge": 1.0, "tapswitch": 0.8}, rounds=(1.0, 1.0)),
                           recorded({"bridge": 1.0, "tapswitch": 1.8}, rounds=(1.0, 1.0)))
        self.assertEqual(set(words.values()), {"inconclusive"})

    def test_what_only_one_run_has_is_left_out(self):
        words = self.words(recorded({"bridge": 1.0, "tapswitch": 0.8}, series=(fixture.RATE,)),
                           recorded({"bridge": 1.0, "relay": 0.8}))
        self.assertEqual(list(words), [("tcp1", "bridge")])

    def test_another_machine_is_said(self):
        before, after = (recorded({"bridge": 1.0}, {"kernel": kernel}) for kernel in ("6.1", "6.2"))
        self.assertIn("Warning: kernel was 6.1, then 6.2.", compare.text(before, after))
        self.assertNotIn("Warning", compare.text(before, before))


if __name__ == "__main__":
    unittest.main()
