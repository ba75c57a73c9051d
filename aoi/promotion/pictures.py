"""Pictures that stand in the page itself: intervals against what they must not reach, sparklines, curves of training.

All are drawn in the colour of the text, so they show on light and dark alike; what matters is told by shape, and in
words for those who see no picture. Positions across are in per cent: a picture is as wide as its place.
"""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from aoi.promotion.floors import Floor
from aoi.promotion.pages import shown
from aoi.records.base import Record

WIDEST = 1.0
"""No difference of rates is beyond this; bounds of an interval may be."""
_MOST_PLACES = 160


class Curve(Record):
    """One line of training: a value for each step."""

    name: str
    values: tuple[float, ...]


class Scale:
    """Where differences of rates stand in a picture, in per cent of its width."""

    def __init__(self, floors: Sequence[Floor]) -> None:
        low = min((min(one.gain.low, one.minimum) for one in floors), default=0.0)
        high = max((one.gain.high for one in floors), default=0.0)
        self.low = max(-WIDEST, min(low, -0.2)) - 0.01
        self.high = min(WIDEST, max(high, 0.1)) + 0.01

    def at(self, value: float) -> str:
        """A place across; one beyond the picture is at its edge."""
        place = 100 * (value - self.low) / (self.high - self.low)
        return f"{min(100.0, max(0.0, place)):.2f}%"

    def ticks(self) -> Iterator[float]:
        """Zero and round values that have room for their numbers."""
        width = self.high - self.low
        apart = 10 if width < 0.65 else 20 if width < 1.2 else 40
        yield from (tick / 100 for tick in range(-80, 81, apart) if self.low + 0.03 <= tick / 100 <= self.high - 0.03)


def interval(floor: Floor, scale: Scale) -> Markup:
    """One part: a bar with a dot, the zero line, and shaded what the bar must not reach into.

    A bar that holds is whole, one that proves nothing is dashed, and a proven harm is thick and dotted.
    """
    low, high, at = scale.at(floor.gain.low), scale.at(floor.gain.high), scale.at(floor.gain.estimate)
    zone = Markup(
        '<rect class="zone" x="0" y="0" width="{at}" height="100%"/>'
        '<line class="least" x1="{at}" x2="{at}" y1="0" y2="100%"/>'
    ).format(at=scale.at(floor.minimum))
    zero = Markup('<line class="zero" x1="{at}" x2="{at}" y1="0" y2="100%"/>').format(at=scale.at(0.0))
    bar = Markup('<line class="bar {}" x1="{}" x2="{}" y1="50%" y2="50%"/>').format(floor.state, low, high)
    dot = Markup('<circle class="dot {}" cx="{}" cy="50%" r="4.5"/>').format(floor.state, at)
    label = (
        f"{floor.title}: {100 * floor.gain.estimate:+.1f} points, between {100 * floor.gain.low:+.1f} and "
        f"{100 * floor.gain.high:+.1f}, must stay above {100 * floor.minimum:+.1f}: {floor.told}"
    )
    return Markup('<svg role="img" aria-label="{}">{}{}{}{}</svg>').format(shown(label), zone, zero, bar, dot)


def axis(scale: Scale) -> Markup:
    """The scale below the intervals, in points."""
    marks = Markup("").join(
        Markup('<text x="{}" y="75%">{}</text>').format(scale.at(tick), f"{100 * tick:+.0f}" if tick else "0")
        for tick in scale.ticks()
    )
    return Markup('<svg role="img" aria-label="points">{}</svg>').format(marks)


def spark(rates: Sequence[float]) -> Markup:
    """Rates in order as a small line with its last value marked."""
    low, high = min(rates), max(rates)
    places = list(_places(rates, low, high, width=196, height=26))
    line = " ".join(f"{x + 4:.1f},{y + 4:.1f}" for x, y in places)
    x, y = places[-1]
    label = f"{len(rates)} rates in order: " + ", ".join(f"{100 * rate:.1f} %" for rate in rates[-12:])
    return Markup(
        '<svg class="spark" viewBox="0 0 204 34" role="img" aria-label="{}">'
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        '<circle cx="{:.1f}" cy="{:.1f}" r="3.5" fill="currentColor"/></svg>'
    ).format(label, line, x + 4, y + 4)


def line(curve: Curve) -> Markup:
    """A curve as an inline picture with its range in words, so that it can be read without seeing it."""
    values = curve.values
    if not values:
        return Markup("<p>no values</p>")
    low, high = min(values), max(values)
    place = " ".join(f"{x + 2:.1f},{y + 3:.1f}" for x, y in _places(values, low, high, width=316, height=84))
    label = f"{curve.name}: {len(values)} steps, first {values[0]:.4g}, last {values[-1]:.4g}, {low:.4g} to {high:.4g}"
    return Markup(
        '<figure><figcaption>{}</figcaption><svg class="curve" viewBox="0 0 320 90" role="img" aria-label="{}">'
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg></figure>'
    ).format(shown(label), shown(label), place)


def _places(
    values: Sequence[float], low: float, high: float, *, width: float, height: float
) -> Iterator[tuple[float, float]]:
    """Points of a line in a picture of this size; a bounded number of them, the last value among them."""
    every = -(-len(values) // _MOST_PLACES)
    chosen = [*values[:-1:every], values[-1]]
    spread = (high - low) or 1.0
    for index, value in enumerate(chosen):
        yield width * index / max(1, len(chosen) - 1), height - height * (value - low) / spread
