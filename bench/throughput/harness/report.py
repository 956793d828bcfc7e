"""Statistics over rounds, and the three forms of the report."""

import json
import statistics
import subprocess

from harness.lab import BenchError


class Results:
    """samples[series][peer] is a list with one entry per round; None where it was not measured."""

    def __init__(self, series, peers, reference):
        self.series = series
        self.peers = peers
        self.reference = reference
        self.samples = {one.name: {peer: [] for peer in peers} for one in series}

    def add(self, series_name, peer, sample):
        self.samples[series_name][peer].append(sample)

    def values(self, series, peer, field="value"):
        values = (getattr(sample, field) for sample in self.samples[series.name][peer] if sample)
        return [value for value in values if value is not None]

    def ratio(self, series, peer):
        """Median of the ratios to the reference in the same round: what slows a whole round down
        cancels out. None when no round has both."""
        pairs = zip(self.samples[series.name][peer], self.samples[series.name][self.reference])
        ratios = [mine.value / its.value for mine, its in pairs if mine and its]
        return statistics.median(ratios) if ratios else None

    def rows(self):
        """One dictionary per series and peer that was measured."""
        for series in self.series:
            for peer in self.peers:
                values = self.values(series, peer)
                if values:
                    yield {"series": series.name, "peer": peer, "unit": series.unit,
                           "less_is_better": series.less_is_better,
                           "rounds": len(values),
                           "median": statistics.median(values),
                           "min": min(values), "max": max(values),
                           "ratio": self.ratio(series, peer), "reference": self.reference,
                           "loss": self._median(series, peer, "loss"),
                           "cores": self._median(series, peer, "cores"),
                           "cost": self._median(series, peer, "cost"),
                           "cost_unit": series.cost_unit,
                           "values": values}

    def _median(self, series, peer, field):
        values = self.values(series, peer, field)
        return statistics.median(values) if values else None


def _number(value, digits=3):
    """Three significant digits, no exponent."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.{digits - 1 - (value >= 10)}f}" if value >= 1 else f"{value:.{digits}f}"


def _cells(row):
    unit = row["unit"] + (" (less is better)" if row["less_is_better"] else "")
    loss = "" if row["loss"] is None else f"{100 * max(row['loss'], 0):.2f}"
    cost = "" if row["cost"] is None else f"{_number(row['cost'])} {row['cost_unit']}"
    return [row["series"], row["peer"], _number(row["median"]),
            f"{_number(row['min'])}..{_number(row['max'])}", unit, _number(row["ratio"]), loss,
            _number(row["cores"]), cost]


def _table(results):
    header = ["workload", "peer", "median", "spread", "unit", f"x {results.reference}", "loss %",
              "CPUs", "CPU cost"]
    return [header, *(_cells(row) for row in results.rows())]


def text(results):
    table = _table(results)
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines, series = [], table[1][0] if len(table) > 1 else ""
    for line in table:
        if line is not table[0] and line[0] != series:
            lines.append("")
            series = line[0]
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    return "\n".join(lines) + "\n"


def markdown(results, facts):
    header, *body = _table(results)
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(line) + " |" for line in body]
    lines += ["", f"Median of per-round ratios to {results.reference}; loss, CPUs (busy ones of "
              "the whole machine) and CPU cost are medians.", ""]
    lines += [f"* {name}: {value}" for name, value in facts.items()]
    return "\n".join(lines) + "\n"


def as_json(results, facts):
    return json.dumps({"facts": facts, "results": list(results.rows())}, indent=1) + "\n"


def plot(results, path):
    """Bars: for each workload how the peers compare with the reference, more is better; so ratios
    of series where less is better are turned round."""
    peers = [peer for peer in results.peers if peer != results.reference]
    lines = ["$data << END", " ".join(["workload", *peers])]
    for series in results.series:
        ratios = [results.ratio(series, peer) for peer in peers]
        if any(ratio is not None for ratio in ratios):
            turned = [1 / ratio if ratio and series.less_is_better else ratio for ratio in ratios]
            lines.append(" ".join([series.name, *("-" if one is None else f"{one:.3f}"
                                                  for one in turned)]))
    lines += ["END",
              f"set terminal svg size {200 + 90 * len(lines)},420 noenhanced font 'sans,11'",
              f"set output '{path}'",
              f"set title 'Relative to {results.reference} in the same round; more is better'",
              "set style data histogram", "set style histogram clustered gap 1",
              "set style fill solid 0.8 noborder", "set datafile missing '-'",
              "set xtics rotate by -30 nomirror", "set ytics nomirror", "set grid ytics",
              "set yrange [0:*]", "set key outside", "set arrow from graph 0, first 1 "
              "to graph 1, first 1 nohead dashtype 2",
              f"plot for [i=2:{len(peers) + 1}] $data using i:xtic(1) title columnheader(i)", ""]
    try:
        subprocess.run(["gnuplot"], input="\n".join(lines), text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise BenchError(f"gnuplot could not draw {path}: {error}; apt install gnuplot-nox") from error
