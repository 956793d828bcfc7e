"""The file that a run leaves: the machine, and each sample of each round. It can be shown again."""

import dataclasses
import json
from dataclasses import dataclass, field

from harness.lab import BenchError
from harness.report import Report
from harness.results import Results, Sample, Series

FORMAT = 1


@dataclass(frozen=True)
class Record:
    results: Results
    facts: dict
    mitigations: dict = field(default_factory=dict)
    noise: dict = field(default_factory=dict)
    disturbances: tuple[str, ...] = ()

    def report(self, reference=None):
        """With another reference than that of the run, if one is named."""
        results = self.results
        if reference and reference != results.reference:
            if reference not in results.peers:
                raise BenchError(f"--reference={reference} is not one of "
                                 f"{', '.join(results.peers)}")
            results = Results(results.series, results.peers, reference)
            results.samples = self.results.samples
        return Report.of(results, self.facts,
                         (*self.noise.get("warnings", ()), *self.disturbances))


def save(record, path):
    results = record.results
    samples = {series: {peer: [dataclasses.asdict(sample) for sample in rounds]
                        for peer, rounds in peers.items() if rounds}
               for series, peers in results.samples.items()}
    path.write_text(json.dumps({
        "format": FORMAT, "facts": record.facts, "mitigations": record.mitigations,
        "noise": record.noise, "disturbances": record.disturbances,
        "reference": results.reference, "peers": results.peers,
        "series": [dataclasses.asdict(one) for one in results.series], "samples": samples,
        "results": [_row(row) for row in results.rows()]}, indent=1) + "\n")


def _row(row):
    """What scripts look for, so that they need not compute it."""
    fields = dataclasses.asdict(row)
    return fields | {"series": row.series.name, "unit": row.series.unit,
                     "less_is_better": row.series.less_is_better,
                     "cost_unit": row.series.cost_unit}


def load(path):
    """BenchError says what is wrong with the file."""
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: {error}") from error
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise BenchError(f"{path} is no file of --json in format {FORMAT}: measure again")
    try:
        results = Results([Series(**one) for one in read["series"]], list(read["peers"]),
                          read["reference"])
        for series, peers in read["samples"].items():
            for peer, rounds in peers.items():
                results.samples[series][peer] = [_checked(Sample(**one)) for one in rounds]
        if results.reference not in results.peers:
            raise ValueError(f"reference {results.reference!r} is not a peer")
        return Record(results, dict(read["facts"]), dict(read["mitigations"]), dict(read["noise"]),
                      tuple(read["disturbances"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _checked(sample):
    for name, value in dataclasses.asdict(sample).items():
        if not isinstance(value, (int, float)) and (name == "value" or value is not None):
            raise ValueError(f"{name} is {value!r}")
    return sample
