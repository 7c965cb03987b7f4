import re

from custaudience.present import sparkline


def heights(svg):
    return [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", svg.split('class="dot"')[0])]


def test_a_line_rises_with_its_values_and_marks_the_last():
    svg = sparkline([1, 2, 4], label="Rising")
    first, second, third = heights(svg)
    assert first > second > third  # SVG counts from the top
    assert f" {third:.1f}h0" in svg


def test_noise_is_drawn_flat():
    assert max(heights(sparkline([100, 101, 100], label="x"))) - min(heights(sparkline([100, 101, 100], label="x"))) < 3


def test_gaps_one_value_and_none():
    assert sparkline([1, None, 3], label="x").count("M") == 3  # two pieces and the dot
    assert "h0" in sparkline([5], label="x")
    assert sparkline([None, float("nan")], label="x") == ""


def test_the_label_is_escaped():
    assert 'aria-label="&#34; onload=&#34;' in sparkline([1, 2], label='" onload="')
