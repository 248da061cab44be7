"""The page as a whole: complete, self-contained, safe, readable by machines and people."""

import html
import io
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

from scripts.report import Evaluation, ModelInfo, render, wording

HOSTILE = (
    'incoming/{% raw %}{{ 7 * 7 }}"><script>alert(1)</script><img src=x onerror=a>\n\u202e.png'
)
VOID = {"meta", "link", "img", "br", "circle", "path", "use"}


class _Reader(HTMLParser):
    """Collects tags, ids and headings, and notices tags that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.text, self.tags, self.open, self.headings = text, [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert tag in VOID or self.open.pop() == tag

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(demo):
    return render(demo)


@pytest.fixture(scope="module")
def photograph():
    """A large thumbnail: noise, which no encoder makes small."""
    out = io.BytesIO()
    Image.effect_noise((600, 600), 90).convert("RGB").save(out, "JPEG", quality=95)
    return out.getvalue()


@pytest.fixture(scope="module")
def drifting_page(drifting):
    return render(drifting)


@pytest.fixture(scope="module", params=["page", "drifting_page"])
def read(request):
    return _Reader(request.getfixturevalue(request.param))


def _text(page):
    plain = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)
    return " ".join(html.unescape(plain).replace(wording.NO_BREAK, " ").split())


def test_every_tag_is_closed(read):
    assert read.open == []


def test_captions_count_every_record(page):
    text = _text(page)
    assert "n = 200 captured inferences" in text
    assert "n = 203 executions" in text
    assert "n = 200 captured pictures whose truth is known" in text


def test_both_charts_of_the_workflow_are_there_by_name(page):
    assert "Observed recent inferences" in page
    assert "Count of executions" in page


def test_the_accuracy_comes_with_its_interval_and_n(page):
    assert "97.0 % 95 % interval 93.6 to 98.6 % of 200 with known truth" in _text(page)


def test_nothing_is_loaded_from_anywhere(read):
    links = [attrs.get(name, "#") for _, attrs in read.tags for name in ("src", "href")]
    assert all(link.startswith(("data:", "#")) for link in links)
    for word in ("url(", "@import", "http://", "https://"):
        assert word not in read.text
    assert not read.all("script")


def test_the_browser_is_told_to_load_nothing(read):
    policies = [meta.get("content", "") for meta in read.all("meta") if "http-equiv" in meta]
    assert any("default-src 'none'" in policy for policy in policies)


def test_ids_are_unique_on_the_page(read):
    ids = Counter(attrs["id"] for _, attrs in read.tags if "id" in attrs)
    assert ids
    assert max(ids.values()) == 1


def test_every_reference_finds_its_target(read):
    ids = {attrs.get("id") for _, attrs in read.tags}
    targets = {attrs["href"][1:] for _, attrs in read.tags if attrs.get("href", "").startswith("#")}
    named = {attrs["aria-labelledby"] for _, attrs in read.tags if "aria-labelledby" in attrs}
    assert targets | named <= ids


def test_headings_never_skip_a_level(read):
    assert read.headings[0] == 1
    assert read.headings.count(1) == 1
    steps = zip(read.headings, read.headings[1:], strict=False)
    assert all(after - before <= 1 for before, after in steps)


def test_landmarks_and_a_skip_link_are_there(read):
    names = [tag for tag, _ in read.tags]
    assert all(names.count(landmark) == 1 for landmark in ("header", "main", "footer"))
    assert read.all("a")[0]["href"] == "#content"
    assert any(attrs.get("id") == "content" for attrs in read.all("main"))


def test_every_picture_and_drawing_has_words(read):
    assert read.all("img")
    assert all(attrs.get("alt") for attrs in read.all("img"))
    drawings = read.all("svg")
    assert all(a.get("aria-label") or a.get("aria-hidden") == "true" for a in drawings)


def test_every_header_cell_has_a_scope(read):
    assert read.all("th")
    assert all(attrs.get("scope") in {"row", "col"} for attrs in read.all("th"))


def test_tables_that_scroll_can_be_reached_by_keyboard(read):
    scrolling = [a for a in read.all("div") if "scroll" in (a.get("class") or "").split()]
    assert scrolling
    assert all(a.get("tabindex") == "0" and a.get("aria-label") for a in scrolling)


def test_the_same_data_gives_the_same_page(demo, page):
    assert render(demo) == page


def test_the_page_is_small(page):
    assert len(page.encode()) < 400_000


def test_thumbnails_are_limited(demo):
    many = replace(demo, inferences=[*demo.inferences] * 5)
    assert len(_Reader(render(many)).all("img")) <= 24


def test_a_hostile_key_stays_text(report, inference, outcome):
    page = render(
        report(
            inferences=[
                inference(1, 0.6, key=HOSTILE, truth="motorcycle"),
                inference(2, key=HOSTILE),
            ],
            outcomes=[outcome(1, "rejected", reason="<b>reason</b>", key=HOSTILE)],
        )
    )
    read = _Reader(page)
    assert not read.all("script")
    assert not [attrs for _, attrs in read.tags if "onerror" in attrs]
    assert "<b>reason</b>" not in page
    assert "{{ 7 * 7 }}" in page
    assert "\u202e" not in page
    assert any(HOSTILE[:40] in attrs.get("title", "") for _, attrs in read.tags)


@pytest.mark.parametrize("field", ["environment", "endpoint"])
def test_hostile_text_elsewhere_stays_text(report, inference, field):
    data = report(
        **{field: HOSTILE},
        inferences=[inference(label=HOSTILE, truth=HOSTILE)],
        labels=[HOSTILE, "b"],
        notes=[HOSTILE],
        versions={HOSTILE: HOSTILE},
        model=ModelInfo(algorithm=HOSTILE, job=HOSTILE),
    )
    assert not _Reader(render(data)).all("script")


def test_an_empty_report_says_so(report):
    text = _text(render(report()))
    assert "No data" in text
    assert "No inference was captured" in text
    assert "No execution ended" in text
    assert "No picture was captured in this period." in text


def test_one_record_is_spoken_of_as_one(report, inference, outcome):
    text = _text(render(report(inferences=[inference()], outcomes=[outcome()])))
    assert "The only upload was accepted." in text
    assert "n = 1 captured inference," in text
    assert "n = 1 execution," in text


def test_missing_pictures_leave_a_labelled_gap(report, inference):
    page = render(report(inferences=[inference(picture=None), inference(picture=b"damaged")]))
    assert page.count('class="no-picture"') == 2
    assert "no picture kept" in page


def test_a_stand_in_is_named_wherever_its_results_are_shown(drifting, inference):
    stand_in = ModelInfo(algorithm="builtin", stand_in=True)
    page = render(replace(drifting, inferences=[inference()], model=stand_in))
    figures = re.findall(r"<figcaption>.*?</figcaption>|<caption>.*?</caption>", page, flags=re.S)
    assert len(figures) >= 8
    assert all("results of a stand-in" in caption for caption in figures)
    assert "stand-in model" in page


def test_a_trained_model_is_not_called_a_stand_in(page):
    assert "stand-in" not in _text(page)


def test_the_evaluation_stands_beside_what_was_observed(demo):
    evaluation = Evaluation(
        accuracy=0.965,
        accuracy_interval=(0.93, 0.983),
        n=200,
        coverage=0.93,
        accepted_accuracy=0.98,
    )
    text = _text(render(replace(demo, evaluation=evaluation)))
    assert "Beside the evaluation before deployment (n = 200)" in text
    assert "Accuracy 96.5 % (93.0 to 98.3 %)" in text


def test_without_truths_the_evaluations_confusion_is_shown_as_such(report, inference):
    evaluation = Evaluation(
        accuracy=0.9,
        accuracy_interval=(0.7, 0.97),
        n=20,
        labels=["bicycle", "motorcycle"],
        confusion=[[9, 1], [1, 9]],
    )
    text = _text(render(report(inferences=[inference(truth=None)], evaluation=evaluation)))
    assert "n = 20 held-out pictures of the evaluation, before deployment" in text


def test_rejections_are_listed_by_reason_in_plain_words(page):
    text = _text(page)
    assert "empty The file has no content. 1 0.5 % rejected" in text
    assert "damaged The picture is cut off or damaged." in text


def test_examples_of_rejected_uploads_are_few(report, outcome):
    outcomes = [outcome(i, "rejected", reason="empty", key=f"incoming/{i}.png") for i in range(9)]
    text = _text(render(report(outcomes=outcomes)))
    assert "and 6 more" in text
    assert "8.png" not in text


def test_the_details_name_the_service(page):
    text = _text(page)
    for words in ("Environment local", "Endpoint scones-local", "Confidence threshold 0.80"):
        assert words in text


def test_three_classes_have_a_three_by_three_matrix(report, inference):
    labels = ["bicycle", "motorcycle", "truck"]
    shown = [inference(i, label=a, truth=b) for i, a in enumerate(labels) for b in labels]
    read = _Reader(render(report(labels=labels, inferences=shown)))
    cells = [a for a in read.all("td") if a.get("class", "").split(" ")[0] in {"right", "wrong"}]
    assert len(cells) == 9


def test_a_hundred_thousand_records_are_all_counted_on_a_small_page(
    report, inference, outcome, start
):
    one = [
        inference(i / 40, 1 - 0.5 * 0.5 ** (i % 12), picture=None, truth=("bicycle", None)[i % 2])
        for i in range(2_000)
    ]
    ended = [outcome(i / 40) for i in range(2_000)]
    data = report(inferences=one * 50, outcomes=ended * 50)
    page = render(data)
    assert len(page.encode()) < 500_000
    assert "n = 100,000 captured inferences" in _text(page)


# The monitor


def test_without_the_monitor_the_page_says_that_it_has_not_run(page):
    text = _text(page)
    assert "The monitor has not run in this period" in text
    assert "Windows of the monitor" not in text


def test_drift_is_shown_with_its_signals_and_the_table_of_windows(drifting_page):
    text = _text(drifting_page)
    assert "Action needed Drift since" in text
    assert "Drift in 48 windows: act in 1, warn in 1 and watch in 1" in text
    assert "Confidence and brightness drift: 2 of 4 signals" in text
    assert "n = 48 windows with 18,800 captured records, newest first" in text
    assert (
        "25 Nov, 09:00 to 10:00 act 2 400 of 402 370 30 3 0 0.99 7.5 % of 400 95.7 % 0 0 0" in text
    )


def test_the_severities_of_the_table_are_words(drifting_page):
    shown = re.findall(r'<td class="drift \w+">([^<]+)</td>', drifting_page)
    assert Counter(shown) == {"none": 44, "no data": 1, "watch": 1, "warn": 1, "act": 1}


def test_captions_of_a_sample_count_the_windows_and_name_the_sample(drifting_page):
    text = _text(drifting_page)
    assert "n = 18,800 captured inferences in 48 windows of the monitor" in text
    assert "n = 18,941 executions in 48 windows of the monitor" in text
    assert "n = 18,800 answers in 48 windows of the monitor" in text
    assert text.count("A sample: the newest 20 inferences, captured since") == 2
    assert "141 uploads were rejected in the monitor's windows." in text


def test_the_monitors_examples_are_shown(drifting_page, report):
    assert "Most drifted 3 pictures least like the baseline's" in _text(drifting_page)
    assert "dark-2.png" in drifting_page
    assert "Most drifted" not in render(report())


def test_single_inferences_are_shown_where_all_were_read(demo, window):
    text = _text(render(replace(demo, windows=[window(0)])))
    assert "n = 200 captured inferences" in text
    assert "n = 203 executions" in text
    assert "A sample" not in text
    assert "No drift in 1 of 1 window" in text


def test_a_sample_needs_windows_that_count_the_rest(report):
    with pytest.raises(ValueError, match="without windows"):
        report(is_sample=True)


def test_the_page_loads_itself_again_only_while_it_is_watched(demo, page):
    def refreshes(text):
        return [m["content"] for m in _Reader(text).all("meta") if m.get("http-equiv") == "refresh"]

    assert refreshes(page) == []
    assert refreshes(render(replace(demo, refresh_s=30))) == ["30"]


def test_a_hostile_sentence_of_the_monitor_stays_text(watched, window):
    severe = replace(window(0, "warn", drifting=("brightness",)), sentence=HOSTILE)
    named = replace(severe, signals=[replace(severe.signals[0], name=HOSTILE)])
    assert not _Reader(render(watched([named]))).all("script")


def test_a_million_records_fit_into_three_megabytes(watched, window, inference, photograph):
    windows = [window(hour, "act" if hour > 700 else "none", captured=1_400) for hour in range(720)]
    sample = [
        inference(
            i / 10,
            0.55 + i / 20_000,
            picture=photograph + i.to_bytes(2),
            truth=("motorcycle", None)[i % 2],
        )
        for i in range(5_000)
    ]
    data = watched(windows, inferences=sample, most_drifted=sample[:12])
    page = render(data)
    assert data.captured_records == 1_008_000
    assert "n = 1,008,000 captured inferences in 720 windows" in _text(page)
    assert len(_Reader(page).all("img")) == 36
    assert len(page.encode()) < 3_000_000
