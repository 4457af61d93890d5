"""Text from the wire in the terminal, in HTML, XML and Markdown, and octets as lines."""

import html as html_module
import re
import unicodedata
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conformance.report import escape

HOSTILE = "\x1b[2J\x9b31m\u202egnp\u2066\x00\x7f\u2028\ud800\u200b<script>alert('1')</script>&amp;\"|`@x`"

MEDIA = [escape.terminal, escape.html, escape.xml, escape.markdown]

# Categories of characters that steer a display or cannot be seen: controls, formatting, surrogates, separators.
INVISIBLE = {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}

any_text = st.text(st.characters(exclude_categories=()))


class Content(HTMLParser):
    """The elements and the text of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(f"{tag}{attrs or ''}")

    def handle_endtag(self, tag: str) -> None:
        self.elements.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.elements.append(f"!{data}")

    def handle_decl(self, decl: str) -> None:
        self.elements.append(f"!{decl}")

    def unknown_decl(self, data: str) -> None:
        self.elements.append(f"!{data}")

    def handle_pi(self, data: str) -> None:
        self.elements.append(f"?{data}")

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Content:
    content = Content()
    content.feed(page)
    content.close()
    return content


@pytest.mark.parametrize("medium", MEDIA)
@given(text=any_text)
@example(text=HOSTILE)
def test_nothing_that_steers_a_display_survives(medium: object, text: str) -> None:
    shown = medium(text)  # type: ignore[operator]
    # The one invisible character that Markdown needs is put there by the function itself.
    shown = re.sub("(?i)(?<=[@#])\u200b|(?<=gh)\u200b(?=-)", "", shown) if medium is escape.markdown else shown
    assert not [one for one in shown if one != "\n" and unicodedata.category(one) in INVISIBLE]


@pytest.mark.parametrize("medium", MEDIA)
def test_plain_words_stay_as_they_are(medium: object) -> None:
    assert medium("401 invalid_client, Größe").replace("\\_", "_") == "401 invalid_client, Größe"  # type: ignore[operator]


@given(any_text)
@example("::error::x")
@example("a\n ::add-mask::x")
@example("\t::set-output")
@example(":::x")
@example("##[error]x")
@example("x ##vso[task.setvariable]")
@example("####")
@example("\u200b::x")
def test_no_line_is_a_command_of_a_ci_runner(text: str) -> None:
    for line in escape.terminal(text).split("\n"):
        assert not line.lstrip().startswith("::")
        assert "##" not in line


def test_the_terminal_keeps_lines_and_names_everything_else() -> None:
    assert escape.terminal("a\nb\tc\rd\x1b[0m\u202e") == "a\nb\\tc\\rd\\x1b[0m\\u202e"
    assert escape.terminal("::error::a") == "\\x3a:error::a"
    assert escape.terminal("std::string") == "std::string"
    assert escape.terminal("##[group]") == "#\\x23[group]"


@given(any_text)
@example(HOSTILE)
@example("<!--")
@example("&#60;b>")
def test_html_has_no_markup_and_keeps_the_text(text: str) -> None:
    content = parsed(f"<p title='{escape.html(text)}' id=\"{escape.html(text)}\">{escape.html(text)}</p>")
    assert [re.sub(r"\[.*", "", one, flags=re.DOTALL) for one in content.elements] == ["p", "/p"]
    if text.isprintable():
        assert content.text == text


@given(any_text)
@example(HOSTILE)
@example("]]>")
@example("\ufffe\uffff")
def test_xml_is_well_formed_and_keeps_the_text(text: str) -> None:
    element = ET.fromstring(f'<a b="{escape.xml(text)}">{escape.xml(text)}</a>')
    if text.isprintable():
        assert (element.text or "") == text
        assert element.get("b") == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", "a\\|b"),
        ("a\nb", "a b"),
        ("<b>&amp;</b>", "&lt;b&gt;&amp;amp;&lt;/b&gt;"),
        ("[x](http://e)", "\\[x\\]\\(http\\://e\\)"),
        ("![x]", "\\!\\[x\\]"),
        ("`x` *y* _z_ ~s~ $m$", "\\`x\\` \\*y\\* \\_z\\_ \\~s\\~ \\$m\\$"),
        ("@everyone", "@\u200beveryone"),
        ("octo/repo#12", "octo/repo\\#\u200b12"),
        ("GH-12, GH-x", "GH\u200b-12, GH-x"),
        ("www.example", "www\\.example"),
        ("- a", "\\- a"),
        ("1. a", "1\\. a"),
        ("AUTH-008 is 1.0", "AUTH-008 is 1.0"),
    ],
)
def test_markdown_shows_the_text_and_nothing_else(text: str, shown: str) -> None:
    assert escape.markdown(text) == shown


def test_octets_show_line_ends_and_every_odd_octet() -> None:
    data = b'POST / HTTP/1.1\r\nA: \t1\rB\\n\r\n\r\n{\n"a": 1}\xe9\x00\x1b'
    assert escape.wire(data).split("\n") == [
        "POST / HTTP/1.1\\r\\n",
        "A: \\t1\\rB\\\\n\\r\\n",
        "\\r\\n",
        "{\\n",
        '"a": 1}\\xe9\\x00\\x1b',
    ]
    assert escape.wire(b"") == ""


@given(st.binary())
@example(b"\\n\n\\r\\x00\r\n")
def test_octets_can_be_read_back_from_their_lines(data: bytes) -> None:
    shown = escape.wire(data)
    assert shown.isascii()
    names = {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\"}
    read = re.sub(
        rb"\\(x[0-9a-f]{2}|[nrt\\])",
        lambda found: names.get(found[1].decode()) or bytes([int(found[1][1:], 16)]),
        shown.replace("\n", "").encode(),
    )
    assert read == data
    assert not [one for one in shown if not one.isprintable() and one != "\n"]


def test_octets_in_html_are_text() -> None:
    page = escape.html(escape.wire(b"</pre><script>alert(1)</script>\x1b&lt;"))
    assert parsed(page).elements == []
    assert html_module.unescape(page) == "</pre><script>alert(1)</script>\\x1b&lt;"
