"""The picture of the ways has each figure, and holds what it draws."""

import unittest
import xml.etree.ElementTree as ElementTree

import harness_fixture  # noqa: F401  (finds the harness)
from harness import ways

SVG = "{http://www.w3.org/2000/svg}"
WAYS = [ways.Way("a bridge", False, "namespaces", (0.40, 0.52, 0.47)),
        ways.Way("ours & by rings", True, "rings", (6.5, 7.5))]


def shapes(kind, drawn=None):
    return list(ElementTree.fromstring((drawn or ways.svg(WAYS, "a machine")).encode()).iter(
        f"{SVG}{kind}"))


class WaysTest(unittest.TestCase):
    def test_tells_median_lowest_and_highest_of_each(self):
        texts = [one.text for one in shapes("text")]
        for wanted in ("namespaces", "a bridge", "0.470 (0.400 to 0.520)", "rings",
                       "ours & by rings", "7.00 (6.50 to 7.50)", "a machine"):
            self.assertIn(wanted, texts)

    def test_has_a_bar_for_each_and_a_point_for_each_round(self):
        self.assertEqual(len(shapes("rect")), 1 + len(WAYS))  # the ground is one
        self.assertEqual(len(shapes("circle")), sum(len(way.rates) for way in WAYS))

    def test_a_bar_ends_at_the_median(self):
        axis = ways.Axis([rate for way in WAYS for rate in way.rates])
        for bar, way in zip(shapes("rect")[1:], WAYS):
            self.assertAlmostEqual(float(bar.get("x")) + float(bar.get("width")),
                                   axis.x(way.median), delta=0.2)

    def test_all_is_within_the_picture(self):
        drawn = ways.svg(WAYS, "a machine")
        height = float(ElementTree.fromstring(drawn.encode()).get("height"))
        for shape in shapes("circle", drawn):
            self.assertLessEqual(ways.AXIS_LEFT, float(shape.get("cx")))
            self.assertLessEqual(float(shape.get("cx")), ways.AXIS_RIGHT)
            self.assertLess(float(shape.get("cy")), height)

    def test_rates_of_one_power_of_ten_have_an_axis(self):
        axis = ways.Axis([1.0, 1.0])
        self.assertEqual(axis.ticks(), [1, 2, 5, 10])


if __name__ == "__main__":
    unittest.main()
