"""The catalogue is complete, says what it must in a readable way, and a broken one is refused by file, row and key."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

import conformance.catalogue
from conformance.catalogue import CatalogueError, Level, Requirement, Source, load, nearest, read

FOLDER = Path(conformance.catalogue.__file__).parent
REQUIREMENTS = tuple(load().requirements.values())

# The first word of a remedy: an instruction to whoever owns the server.
INSTRUCTION = (
    "Accept|Add|Answer|Apply|Bind|Bring|Build|Catch|Check|Compare|Cut|Decode|Dispatch|Draw|Drop|Encode|End|Find|Ignore|Join"
    "|Leave|Look|Lower-case|Map|Parse|Publish|Read|Refuse|Remove|Require|Return|Route|Send|Serialise|Set|Split|Stop|Strip"
    "|Switch|Take|Treat|Turn|Validate|Write"
)

INDEX = 'edition = 2\nareas = ["AUTH", "ERR"]\n'
AUTH = """
area = "AUTH"
title = "Client authentication"
about = "Only the right credentials open the door."

[requirements.AUTH-001]
level = "MUST"
derived = true
severity = "warn"
title = "A title"
statement = "A statement."
why = "A reason."
remedy = "Do this."
sources = ["RFC6749 5.2"]
note = "A note."
profiles = ["passport"]
since = 2
traits = { "a.b" = ["x", "y"] }
undecidable = true
intrusive = true
on_demand = true
edge = true
joins = ["ERR-001"]
needs = ["scope"]
reason = "It is kept inside."
"""
ERR = """
area = "ERR"
title = "Errors"
about = "Errors say what was wrong."

[requirements.ERR-001]
level = "MAY"
title = "Another title"
statement = "Another statement."
why = "Another reason."
remedy = "Do that."
sources = ["robustness"]
since = 1
traits = { "c" = ["x", "y"] }
"""
SMALL = {"catalogue.toml": INDEX, "auth.toml": AUTH, "err.toml": ERR}


def edited(file: str, old: str, new: str) -> dict[str, str]:
    assert SMALL[file].count(old) == 1, f"{old!r} is not unique in {file}"
    return {**SMALL, file: SMALL[file].replace(old, new)}


def each_requirement() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("requirement", REQUIREMENTS, ids=[requirement.id for requirement in REQUIREMENTS])


def sentences(requirement: Requirement) -> dict[str, str]:
    texts = {name: getattr(requirement, name) for name in ("statement", "why", "remedy", "note")}
    return {name: text for name, text in texts.items() if name != "note" or text}


def test_every_area_of_the_index_has_requirements_in_ascending_order() -> None:
    catalogue = load()
    areas = [area.name for area in catalogue.areas]
    assert " ".join(areas) == "REQ AUTH HDR CTYPE GRANT BODY METHOD SUCC ERR CACHE TOKEN WIRE TLS LOAD DISC DOC GEN"
    assert list(catalogue.requirements) == sorted(catalogue.requirements, key=lambda id_: (areas.index(id_[:-4]), id_))
    assert {requirement.area for requirement in REQUIREMENTS} == set(areas)
    assert all(id_ == requirement.id for id_, requirement in catalogue.requirements.items())


def test_areas_have_a_title_and_one_sentence_about_them() -> None:
    for area in load().areas:
        assert re.fullmatch(r"[A-Z].*[^.]", area.title), area.name
        assert re.fullmatch(r"[A-Z][^.]*\.", area.about), area.name


@each_requirement()
def test_title_is_short_and_an_indicative_without_full_stop(requirement: Requirement) -> None:
    assert re.fullmatch(r"[A-Z].*[^.?!]", requirement.title)
    assert len(requirement.title) <= 72
    assert not re.search(r"\b(must|should|shall|may not)\b", requirement.title, re.IGNORECASE)


@each_requirement()
def test_texts_are_plain_whole_sentences(requirement: Requirement) -> None:
    for name, text in sentences(requirement).items():
        assert re.match(r"[A-Z0-9]", text), name
        assert text.endswith("."), name
        assert len(text) <= 330, name
        assert text == " ".join(text.split()), name
        assert not re.search(r"[`*<>|]|\bTODO\b|\bseed\b", text), name
    assert requirement.statement.count(". ") <= 1
    assert requirement.why.count(". ") == 0
    assert requirement.remedy.count(". ") <= 1


@each_requirement()
def test_remedy_tells_the_owner_what_to_do(requirement: Requirement) -> None:
    assert re.match(rf"({INSTRUCTION}) ", requirement.remedy)


def test_titles_and_statements_are_not_used_twice() -> None:
    titles = Counter(requirement.title for requirement in REQUIREMENTS)
    statements = Counter(requirement.statement for requirement in REQUIREMENTS)
    assert max(titles.values()) == 1
    assert max(statements.values()) == 1


@each_requirement()
def test_sources_lead_to_a_place(requirement: Requirement) -> None:
    assert requirement.sources
    for source in requirement.sources:
        if source.text.startswith("RFC"):
            assert re.fullmatch(
                r"RFC (4648|6585|6749|6750|7519|7617|8259|8414|8725|8996|9068|9110|9111|9112|9325|9700)"
                r"(, (section|appendix) [0-9A-Z.]+)?",
                source.text,
            )
            assert source.url is not None
            assert re.fullmatch(
                r"https://www\.rfc-editor\.org/rfc/rfc\d{4}(#section-\d+(\.\d+)*|#appendix-[A-Z](\.\d+)?)?", source.url
            )


def test_published_promises_name_the_document_and_nothing_else_does_so_alone() -> None:
    for requirement in REQUIREMENTS:
        from_the_document = [source.text.startswith("published document") for source in requirement.sources]
        if requirement.level is Level.DOC:
            assert any(from_the_document), requirement.id
        if all(from_the_document):
            assert "passport" in requirement.profiles, requirement.id


def test_other_requirements_named_in_a_text_exist() -> None:
    for requirement in REQUIREMENTS:
        for text in sentences(requirement).values():
            named = set(re.findall(r"\b[A-Z]+-[0-9]{3}\b", text))
            assert named <= set(load().requirements), requirement.id


def test_joins_do_not_run_in_a_circle() -> None:
    requirements = load().requirements

    def chain(id_: str, seen: tuple[str, ...]) -> None:
        assert id_ not in seen, f"{id_} joins itself through {seen}"
        for other in requirements[id_].joins:
            chain(other, (*seen, id_))

    for id_ in requirements:
        chain(id_, ())


def test_every_trait_has_a_choice_and_ends_in_unknown() -> None:
    traits = {name: values for requirement in REQUIREMENTS for name, values in requirement.traits.items()}
    assert traits["content_type.duplicate"] == ("accepted", "refused", "first", "last", "merged", "unknown")
    assert all(values[-1] == "unknown" and len(values) >= 3 for values in traits.values())


def test_flags_sit_where_they_are_meant() -> None:
    undecidable = [requirement.id for requirement in REQUIREMENTS if requirement.undecidable]
    assert undecidable == ["AUTH-021", "TLS-001", "TLS-002", "TLS-005", "LOAD-003"]
    intrusive = [requirement.id for requirement in REQUIREMENTS if requirement.intrusive]
    assert intrusive == ["AUTH-025", "HDR-008", "BODY-013", "BODY-014", "WIRE-016"]
    on_demand = [requirement.id for requirement in REQUIREMENTS if requirement.on_demand]
    edgy = [f"WIRE-{number:03}" for number in (5, 6, 7, 8, 9, 11, 12, 20, 21)]
    assert on_demand == ["AUTH-037", "BODY-013", *edgy, "LOAD-001", "LOAD-003"]
    edge = [requirement.id for requirement in REQUIREMENTS if requirement.edge]
    assert edge == ["METHOD-006", *(f"WIRE-{number:03}" for number in range(1, 23))]
    assert {requirement.id: requirement.needs for requirement in REQUIREMENTS if requirement.needs} == {
        "REQ-004": ("scope",),
        "AUTH-015": ("special",),
        "AUTH-029": ("unentitled",),
        "AUTH-037": ("sacrificial",),
        "TOKEN-005": ("second",),
        "LOAD-003": ("sacrificial",),
    }


def test_loading_again_gives_the_same_catalogue() -> None:
    assert load() is load()
    texts = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.toml")}
    assert read(texts) == load()


def test_digest_depends_on_the_content_alone() -> None:
    digest = read(SMALL).digest
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert read(edited("auth.toml", 'level = "MUST"', "# a remark\nlevel   =   'MUST'")).digest == digest
    swapped = edited("err.toml", 'level = "MAY"\ntitle = "Another title"', 'title = "Another title"\nlevel = "MAY"')
    assert read(swapped).digest == digest
    assert read(edited("auth.toml", "A statement.", "A statement!")).digest != digest
    assert read(edited("catalogue.toml", "edition = 2", "edition = 3")).digest != digest
    assert read(edited("err.toml", '["x", "y"]', '["y", "x"]')).digest != digest


def test_digest_does_not_depend_on_the_process() -> None:
    code = "from conformance.catalogue import load; print(load().digest)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert other.stdout.strip() == load().digest


def test_loading_needs_neither_pytest_nor_click_nor_sockets() -> None:
    code = (
        "import sys; from conformance.catalogue import load; load();"
        "print(sorted({'pytest', 'click', 'socket', 'requests', 'hypothesis', 'schemathesis'} & set(sys.modules)))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert other.stdout.strip() == "[]"


def test_every_key_of_a_row_reaches_the_requirement() -> None:
    assert read(SMALL).requirements["AUTH-001"] == Requirement(
        id="AUTH-001",
        area="AUTH",
        level=Level.MUST,
        derived=True,
        severity="warn",
        title="A title",
        statement="A statement.",
        why="A reason.",
        remedy="Do this.",
        sources=(Source("RFC 6749, section 5.2", "https://www.rfc-editor.org/rfc/rfc6749#section-5.2"),),
        note="A note.",
        profiles=("passport",),
        since=2,
        traits={"a.b": ("x", "y", "unknown")},
        undecidable=True,
        intrusive=True,
        on_demand=True,
        edge=True,
        joins=("ERR-001",),
        needs=("scope",),
        reason="It is kept inside.",
    )


def test_keys_left_out_have_defaults() -> None:
    row = read(SMALL).requirements["ERR-001"]
    assert (row.derived, row.severity, row.note, row.profiles) == (False, None, "", ())
    assert (row.undecidable, row.intrusive, row.on_demand, row.edge) == (False, False, False, False)
    assert (row.joins, row.needs, row.reason) == ((), (), "")


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("RFC9110 5.5", Source("RFC 9110, section 5.5", "https://www.rfc-editor.org/rfc/rfc9110#section-5.5")),
        ("RFC6749 A.12", Source("RFC 6749, appendix A.12", "https://www.rfc-editor.org/rfc/rfc6749#appendix-A.12")),
        ("RFC6749 B", Source("RFC 6749, appendix B", "https://www.rfc-editor.org/rfc/rfc6749#appendix-B")),
        ("RFC8259", Source("RFC 8259", "https://www.rfc-editor.org/rfc/rfc8259")),
        ("seed Code samples", Source("published document, Code samples", None)),
        ("OpenAPI", Source("OpenAPI description of the profile", None)),
        ("inference", Source("inference, not a sentence of a standard", None)),
        ("robustness", Source("robustness, no standard is claimed", None)),
        (
            "URL standard urlencoded parsing",
            Source(
                "URL standard, application/x-www-form-urlencoded parsing",
                "https://url.spec.whatwg.org/#urlencoded-parsing",
            ),
        ),
    ],
)
def test_source_is_resolved(written: str, source: Source) -> None:
    catalogue = read(edited("err.toml", '["robustness"]', f'["{written}"]'))
    assert catalogue.requirements["ERR-001"].sources == (source,)


@pytest.mark.parametrize(
    ("level", "severity", "unmet", "counting"),
    [
        (Level.MUST, None, "failed", ["must", "should"]),
        (Level.DOC, None, "failed", ["must", "should"]),
        (Level.ROBUST, None, "failed", ["must", "should"]),
        (Level.SHOULD, None, "warning", ["should"]),
        (Level.MAY, None, "observed", []),
        (Level.MUST, "warn", "warning", ["should"]),
        (Level.ROBUST, "warn", "warning", ["should"]),
        (Level.SHOULD, "fail", "failed", ["must", "should"]),
    ],
)
def test_level_and_severity_decide_what_an_unmet_requirement_gives(
    level: Level, severity: str | None, unmet: str, counting: list[str]
) -> None:
    requirement = replace(REQUIREMENTS[0], level=level, severity=severity)
    every: tuple[Literal["must", "should", "never"], ...] = ("must", "should", "never")
    assert requirement.unmet == unmet
    assert [fail_on for fail_on in every if requirement.counts(fail_on)] == counting


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        pytest.param({"auth.toml": AUTH}, "catalogue.toml: the file is missing", id="no index"),
        pytest.param({"catalogue.toml": INDEX, "auth.toml": AUTH}, "err.toml: the file is missing", id="no area file"),
        pytest.param({**SMALL, "tls.toml": ERR}, "areas: no area for the file tls.toml", id="stray file"),
        pytest.param(edited("catalogue.toml", '["AUTH"', '["AUTH", "AUTH"'), "'AUTH' stands there", id="area twice"),
        pytest.param(edited("catalogue.toml", '"ERR"', '"../ERR"'), "'../ERR' is not allowed", id="area name"),
        pytest.param(edited("catalogue.toml", "= 2", "= true"), "edition: not a whole number", id="edition type"),
        pytest.param(edited("catalogue.toml", "= 2", "= 0"), "edition: 0 is below 1", id="edition zero"),
        pytest.param(edited("auth.toml", "derived = true", "derived"), "auth.toml: not TOML: ", id="not TOML"),
        pytest.param(edited("auth.toml", 'area = "AUTH"', 'area = "ERR"'), "auth.toml: area: 'ERR'", id="wrong area"),
        pytest.param(edited("auth.toml", "about =", "abuot ="), "auth.toml: about: the key is missing", id="no about"),
        pytest.param(
            {**SMALL, "err.toml": ERR.partition("[")[0] + "requirements = 1\n"},
            "err.toml: requirements: not a table",
            id="requirements no table",
        ),
        pytest.param(
            edited("auth.toml", "[requirements.AUTH-001]", "[requirements.ERR-002]"),
            "auth.toml: ERR-002: the ID is not AUTH- and three digits",
            id="foreign ID",
        ),
        pytest.param(
            edited("auth.toml", "[requirements.AUTH-001]", "[requirements.AUTH-1]"),
            "auth.toml: AUTH-1: ",
            id="short ID",
        ),
        pytest.param(
            {**SMALL, "err.toml": ERR.partition("[")[0] + "requirements = { ERR-001 = 1 }\n"},
            "err.toml: ERR-001: not a table",
            id="row no table",
        ),
        pytest.param(
            edited("auth.toml", 'remedy = "Do this."', ""),
            "auth.toml: AUTH-001: remedy: the key is missing",
            id="missing key",
        ),
        pytest.param(
            edited("auth.toml", 'note = "', 'ntoe = "'),
            "auth.toml: AUTH-001: ntoe: no such key; did you mean 'note'?",
            id="unknown key",
        ),
        pytest.param(edited("auth.toml", '"A title"', '" "'), "AUTH-001: title: not a string that", id="empty title"),
        pytest.param(edited("auth.toml", '"A title"', "7"), "AUTH-001: title: not a string that", id="title type"),
        pytest.param(edited("auth.toml", "derived = true", "derived = 1"), "derived: not true or", id="derived type"),
        pytest.param(
            edited("auth.toml", '"MUST"', '"MUSTT"'),
            "AUTH-001: level: 'MUSTT' is none of MUST, DOC, ROBUST, SHOULD, MAY; did you mean 'MUST'?",
            id="bad level",
        ),
        pytest.param(
            edited("auth.toml", '"MUST"', '"DOC"'), "AUTH-001: derived: only a MUST can be", id="derived promise"
        ),
        pytest.param(
            edited("auth.toml", '"warn"', '"warning"'),
            "AUTH-001: severity: 'warning' is none of fail, warn; did you mean 'warn'?",
            id="bad severity",
        ),
        pytest.param(edited("auth.toml", "since = 2", "since = 3"), "AUTH-001: since: 3 is no edition", id="too late"),
        pytest.param(edited("auth.toml", "since = 2", "since = 0"), "AUTH-001: since: 0 is no edition", id="too early"),
        pytest.param(
            edited("auth.toml", '["RFC6749 5.2"]', "[]"), "AUTH-001: sources: not an array of", id="no source"
        ),
        pytest.param(
            edited("auth.toml", '["RFC6749 5.2"]', '["RFC6749 5.2", "RFC6749 5.2"]'),
            "AUTH-001: sources: 'RFC6749 5.2' stands there twice",
            id="source twice",
        ),
        pytest.param(
            edited("auth.toml", '["RFC6749 5.2"]', '["RFC 6749 5.2"]'), "AUTH-001: sources: 'RFC 6749", id="RFC blank"
        ),
        pytest.param(
            edited("auth.toml", '["RFC6749 5.2"]', '["RFC6749 App. B"]'), "sources: 'RFC6749 App. B'", id="appendix"
        ),
        pytest.param(edited("auth.toml", '["RFC6749 5.2"]', '["seed"]'), "sources: 'seed' is neither", id="bare seed"),
        pytest.param(edited("auth.toml", '["RFC6749 5.2"]', '["none"]'), "sources: 'none' is neither", id="none"),
        pytest.param(
            edited("auth.toml", '["passport"]', '["pasport"]'), "profiles: 'pasport' is none of", id="unknown profile"
        ),
        pytest.param(edited("auth.toml", '["scope"]', '["scopes"]'), "needs: 'scopes' is none of", id="unknown need"),
        pytest.param(
            edited("auth.toml", '["ERR-001"]', '["ERR-01"]'),
            "auth.toml: AUTH-001: joins: 'ERR-01' is unknown; did you mean 'ERR-001'?",
            id="unknown join",
        ),
        pytest.param(edited("auth.toml", '["ERR-001"]', '["AUTH-001"]'), "a row does not join itself", id="own join"),
        pytest.param(
            edited("err.toml", '"c" =', '"a.b" ='),
            "err.toml: ERR-001: traits: a.b is declared by AUTH-001 already",
            id="trait twice",
        ),
        pytest.param(
            edited("auth.toml", '"a.b"', '"A b"'), "AUTH-001: traits: 'A b' is no trait name", id="trait name"
        ),
        pytest.param(
            edited("auth.toml", '["x", "y"]', '["x", "unknown"]'), "traits: a.b: 'unknown' belongs", id="unknown listed"
        ),
        pytest.param(edited("auth.toml", '["x", "y"]', '["x"]'), "traits: a.b: one value leaves no", id="no choice"),
        pytest.param(edited("auth.toml", '["x", "y"]', '"x"'), "traits: a.b: not an array", id="trait values type"),
        pytest.param(edited("auth.toml", '["x", "y"]', '["x", "x"]'), "a.b: 'x' stands there twice", id="value twice"),
    ],
)
def test_broken_catalogue_is_refused_by_file_row_and_key(texts: dict[str, str], message: str) -> None:
    with pytest.raises(CatalogueError, match=re.escape(message)):
        read(texts)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AUTH-8", "AUTH-008"),
        ("auth-008", "AUTH-008"),
        ("AUTH008", "AUTH-008"),
        (" auth_8 ", "AUTH-008"),
        ("AUHT-008", "AUTH-008"),
        ("CTYPE-0012", "CTYPE-012"),
        ("weather", None),
        ("", None),
        ("REQ-" + "9" * 5000, None),
    ],
)
def test_nearest_finds_what_is_meant(name: str, meant: str | None) -> None:
    assert nearest(name, load().requirements) == meant
