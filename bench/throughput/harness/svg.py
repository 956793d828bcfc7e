"""The few shapes of SVG that pictures here are made of."""

from xml.sax.saxutils import escape, quoteattr

FONT = "DejaVu Sans, Verdana, Arial, sans-serif"


class Canvas:
    def __init__(self, width):
        self.width = width
        self._shapes = []

    def text(self, x, y, text, size=12, anchor="start", color="#222222", bold=False):
        weight = ' font-weight="bold"' if bold else ""
        self._shapes.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" '
                            f'text-anchor="{anchor}"{weight}>{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, color, width=1.0):
        self._shapes.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                            f'stroke="{color}" stroke-width="{width}"/>')

    def rectangle(self, x, y, width, height, color):
        self._shapes.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                            f'height="{height:.1f}" fill="{color}"/>')

    def dot(self, x, y, radius, color):
        self._shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{color}" '
                            'stroke="#ffffff" stroke-width="1"/>')

    def point(self, x, y, radius, color):
        """Small and faint; several may lie upon each other."""
        self._shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{color}" '
                            'fill-opacity="0.55"/>')

    def polygon(self, points, fill, stroke):
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._shapes.append(f'<polygon points="{corners}" fill="{fill}" stroke="{stroke}" '
                            'stroke-width="1.2"/>')

    def document(self, height, title):
        """The whole of it, on white ground."""
        return "\n".join([
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{height:.0f}" '
            f'viewBox="0 0 {self.width} {height:.0f}" font-family={quoteattr(FONT)}>',
            f"<title>{escape(title)}</title>", '<rect width="100%" height="100%" fill="#ffffff"/>',
            *self._shapes, "</svg>", ""])
