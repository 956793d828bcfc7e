"""What is told of a run, which tables and pictures are made of, and its tables. No I/O."""

from dataclasses import dataclass, field

from harness import goals
from harness.intervals import ENOUGH_ROUNDS
from harness.results import Row


@dataclass(frozen=True)
class Report:
    reference: str
    rows: tuple[Row, ...]
    verdicts: tuple[goals.Verdict, ...]
    facts: dict = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @staticmethod
    def of(results, facts=None, warnings=()):
        rows = results.rows()
        verdicts = goals.verdicts(rows, results.reference)
        if any(not one.measured.conclusive for one in verdicts):
            warnings = (*warnings, f"with fewer than {ENOUGH_ROUNDS} rounds there is no verdict")
        return Report(results.reference, rows, verdicts, facts or {}, tuple(warnings))

    def verdict(self, row, of_cost=False):
        """That on a row's value, or on its cost; None where there is no goal."""
        wanted = (row.series.name, row.peer, of_cost)
        return next((one for one in self.verdicts
                     if (one.goal.series, one.peer, one.goal.of_cost) == wanted), None)


def number(value, digits=3):
    """Three significant digits, no exponent."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.{digits - 1 - (value >= 10)}f}" if value >= 1 else f"{value:.{digits}f}"


def span(low, high):
    return f"{number(low)}..{number(high)}"


def _interval_cells(interval):
    return [number(interval.median), span(interval.low, interval.high)] if interval else ["", ""]


def _cells(row, reference):
    loss = "" if row.loss is None else f"{100 * max(row.loss, 0):.2f}"
    cost = "" if row.cost is None else f"{number(row.cost)} {row.series.cost_unit}"
    # The reference is its own multiple in each round.
    ratio = ["1.00", ""] if row.peer == reference else _interval_cells(row.ratio)
    cost_ratio = number(row.cost_ratio.median) if row.cost_ratio else ""
    return [row.series.name, row.peer, number(row.median), span(row.lowest, row.highest),
            row.series.unit, row.series.better, *ratio, loss, number(row.cores),
            cost, cost_ratio]


def table(report):
    """The header, then the cells of each row."""
    times = f"x {report.reference}"
    header = ["workload", "peer", "median", "spread", "unit", "better", times, "95 %", "loss %",
              "CPUs", "CPU cost", f"CPU {times}"]
    return [header, *(_cells(row, report.reference) for row in report.rows)]


def goal_table(report):
    header = ["goal", "peer", f"x {report.reference}", "measured", "95 %", "verdict"]
    return [header, *([one.goal.series + (", CPU cost" if one.goal.of_cost else ""), one.peer,
                       str(one.goal), *_interval_cells(one.measured), one.word]
                      for one in report.verdicts)]


def aligned(cells, grouped=False):
    """Lines of text. With `grouped` an empty line parts what differs in the first column."""
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines, group = [], cells[1][0] if len(cells) > 1 else ""
    for line in cells:
        if grouped and line is not cells[0] and line[0] != group:
            lines.append("")
            group = line[0]
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    return "\n".join(lines) + "\n"


def _markdown_table(cells):
    header, *body = cells
    return ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header),
            *("| " + " | ".join(line) + " |" for line in body)]


def explanation(report):
    """What the columns mean, and what the reader is warned of."""
    return [f"x {report.reference}: median over the rounds of the ratio in the same round, and its "
            "bootstrap interval. CPUs and CPU cost are of the whole machine.",
            *(f"Warning: {warning}." for warning in report.warnings)]


def text(report):
    parts = [aligned(table(report), grouped=True)]
    if report.verdicts:
        parts.append(aligned(goal_table(report)))
    parts.append("\n".join(explanation(report)) + "\n")
    if report.facts:
        parts.append("; ".join(f"{name}: {value}" for name, value in report.facts.items()) + "\n")
    return "\n".join(parts)


def markdown(report):
    lines = _markdown_table(table(report))
    if report.verdicts:
        lines += ["", *_markdown_table(goal_table(report))]
    lines += ["", " ".join(explanation(report)), ""]
    lines += [f"* {name}: {value}" for name, value in report.facts.items()]
    return "\n".join(lines) + "\n"
