"""Statistics over rounds, and the three forms of the report."""

import json
import statistics


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
