"""The picture has the figures of the table, tells both senses, and holds what it draws."""

import dataclasses
import re
import unittest
import xml.etree.ElementTree as ElementTree

import harness_fixture as fixture
from harness import panels, plot, report
from harness.results import Sample

SVG = "{http://www.w3.org/2000/svg}"
FACTORS = {"bridge": 1.0, "tapswitch": 0.83, "tapswitch-w2": 1.17}


def told(factors=None, **options):
    return report.Report.of(fixture.results(factors or FACTORS, **options),
                            {"processor": "A <fast> one & more", "rounds": 6}, ("it was noisy",))


def texts(drawn):
    return [one.text for one in ElementTree.fromstring(drawn.encode()).iter(f"{SVG}text")]


class PictureTest(unittest.TestCase):
    def test_has_each_figure_of_the_table(self):
        the_report = told()
        drawn = texts(plot.svg(the_report))
        for cells in report.table(the_report)[1:]:
            by_column = dict(zip(report.table(the_report)[0], cells))
            wanted = ["median", "unit"]
            if by_column["peer"] != "bridge":
                wanted += ["x bridge", "95 %", "CPU x bridge"]
            for column in wanted:
                self.assertIn(by_column[column], drawn, f"{column} of {cells[:2]}")
            self.assertIn(by_column["CPU cost"].split()[0], drawn)

    def test_has_each_verdict_of_the_table(self):
        the_report = told()
        self.assertEqual(len(the_report.verdicts), 6)
        drawn = texts(plot.svg(the_report))
        for _, _, wanted, _, _, word in report.goal_table(the_report)[1:]:
            self.assertIn(f"goal {wanted}: {word}", drawn)

    def test_has_no_figure_that_the_table_has_not(self):
        the_report = told()
        known = {word for line in report.table(the_report) for cell in line
                 for word in cell.split()}
        for text in texts(plot.svg(the_report)):
            if re.fullmatch(r"[\d.]+", text):
                self.assertIn(text, known)

    def test_tells_both_senses(self):
        titles = [text for text in texts(plot.svg(told())) if "is better" in text]
        self.assertEqual(titles, ["Rates: higher is better", "Times: lower is better",
                                  "Processor time of the whole machine: lower is better"])

    def test_is_white_and_800_pixels_wide(self):
        root = ElementTree.fromstring(plot.svg(told()).encode())
        self.assertEqual(root.get("width"), "800")
        ground = root.find(f"{SVG}rect")
        self.assertEqual((ground.get("width"), ground.get("fill")), ("100%", "#ffffff"))

    def test_draws_all_within_it_and_no_letter_too_small(self):
        wild = fixture.results({"bridge": 1.0, "tapswitch": 0.002, "tapswitch-w2": 700.0})
        root = ElementTree.fromstring(plot.svg(report.Report.of(wild)).encode())
        height = float(root.get("height"))
        for mark in root.iter(f"{SVG}circle"):
            self.assertTrue(plot.LEFT <= float(mark.get("cx")) <= plot.WIDTH - plot.LEFT)
        for text in root.iter(f"{SVG}text"):
            self.assertTrue(0 < float(text.get("y")) < height, text.text)
            self.assertGreaterEqual(float(text.get("font-size")), 11)

    def test_a_ratio_of_zero_is_written_but_not_drawn(self):
        made = fixture.results({"bridge": 1.0, "tapswitch": 1.0}, series=(fixture.RATE,))
        made.samples["tcp1"]["tapswitch"] = [Sample(0.0)] * 6
        self.assertIn("0.000", texts(plot.svg(report.Report.of(made))))

    def test_what_cannot_be_compared_is_left_out(self):
        made = fixture.results({"bridge": 1.0, "tapswitch": 1.0})
        made.samples["tcp1"]["bridge"] = []
        shown = panels.panels(report.Report.of(made))
        self.assertEqual([bar.name for panel in shown for bar in panel.bars],
                         ["paced-2k-p50", "paced-2k"])

    def test_says_what_the_reader_is_warned_of(self):
        drawn = " ".join(texts(plot.svg(told(rounds=(1.0, 1.1)))))
        self.assertIn("Warning: it was noisy.", drawn)
        self.assertIn("Warning: with fewer than 6 rounds there is no verdict.", drawn)
        self.assertIn("A <fast> one & more", drawn)

    def test_labels_of_an_axis_are_apart(self):
        for ratios in ((0.99, 1.01), (0.5, 2), (0.001, 1000), (1, 60), (0, 1)):
            axis = plot.Axis(ratios)
            places = [axis.x(tick) for tick in axis.ticks()]
            self.assertTrue(axis.ticks())
            for left, right in zip(places, places[1:]):
                self.assertGreaterEqual(right - left, plot.CLOSEST_TICKS)


class TableTest(unittest.TestCase):
    def test_three_significant_digits(self):
        self.assertEqual([report.number(value) for value in (1234.5, 12.34, 1.234, 0.1234, None)],
                         ["1234", "12.3", "1.23", "0.123", ""])

    def test_markdown_and_text_have_the_same_cells(self):
        the_report = told()
        markdown, text = report.markdown(the_report), report.text(the_report)
        for line in (*report.table(the_report), *report.goal_table(the_report)):
            self.assertIn("| " + " | ".join(line) + " |", markdown)
            self.assertTrue(all(cell in text for cell in line))

    def test_without_goals_there_is_no_table_of_them(self):
        plain = dataclasses.replace(told(), verdicts=())
        self.assertNotIn("verdict", report.text(plain))


if __name__ == "__main__":
    unittest.main()
