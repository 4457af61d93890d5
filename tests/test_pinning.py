"""Fingerprints: written from a run, read from a file, compared with a later run."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import case, catalogue, pinning
from conformance.report import summary
from conformance.target import SettingsError
from tests.runs import results

if TYPE_CHECKING:
    from conformance.pinning import Fingerprint

TRAIT, VALUE = "content_type.duplicate", "first"
CASES = case.built_in()


def fingerprint(value: str = VALUE, target: str = "staging") -> Fingerprint:
    found = results({"CTYPE-011": "observed"}, target=target, traits={TRAIT: value, "method.head": "unknown"})
    return pinning.fingerprint(summary.summary(found))


def document(**changes: str) -> str:
    """A fingerprint in which lines are replaced, by their key."""
    lines = pinning.written(fingerprint()).splitlines()
    return "\n".join(next((new for key, new in changes.items() if one.startswith(key)), one) for one in lines) + "\n"


def refused(text: str, tmp_path: Path, profile: str = "passport") -> str:
    """What is said of a file that cannot be used."""
    (tmp_path / "f.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        pinning.check(pinning.read(tmp_path / "f.toml", "f.toml"), profile, CASES)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("'f.toml': ")
    return said.removeprefix("'f.toml': ")


# Writing


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    pinning.keep(fingerprint(), tmp_path / "f.toml")
    found = pinning.read(tmp_path / "f.toml", "f.toml")
    assert (found.target, found.base_url, found.profile, found.edition) == (
        "staging",
        "https://staging.test",
        "passport",
        2,
    )
    assert found.traits == {TRAIT: VALUE}
    lines = (tmp_path / "f.toml").read_text().splitlines()
    assert lines[found.lines[TRAIT] - 1] == f'"{TRAIT}" = "{VALUE}"'
    pinning.check(found, "passport", CASES)


@pytest.mark.parametrize("name", ['"quoted" \\ name', "a\x7fb\x00c\nd", "\u202e\U0001f600", "=[x]#"])
def test_any_name_is_written_such_that_toml_reads_it(name: str) -> None:
    assert tomllib.loads(pinning.written(fingerprint(target=name)))["target"] == name


def test_a_run_that_saw_no_trait_cannot_be_pinned() -> None:
    with pytest.raises(ValueError, match="saw no trait, so that there is nothing to pin: as it came"):
        fingerprint("unknown")


def test_a_fingerprint_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    for value in ("first", "last"):
        pinning.keep(fingerprint(value), tmp_path / "f.toml")
    assert pinning.read(tmp_path / "f.toml", "f").traits == {TRAIT: "last"}
    assert [file.name for file in tmp_path.iterdir()] == ["f.toml"]
    assert stat.S_IMODE((tmp_path / "f.toml").stat().st_mode) == 0o600


def test_a_file_that_others_may_read_stays_so(tmp_path: Path) -> None:
    pinning.keep(fingerprint(), tmp_path / "f.toml")
    (tmp_path / "f.toml").chmod(0o644)
    pinning.keep(fingerprint("last"), tmp_path / "f.toml")
    assert stat.S_IMODE((tmp_path / "f.toml").stat().st_mode) == 0o644


def test_what_a_link_leads_to_is_replaced_and_not_the_link(tmp_path: Path) -> None:
    pinning.keep(fingerprint("first"), tmp_path / "real.toml")
    (tmp_path / "f.toml").symlink_to("real.toml")
    pinning.keep(fingerprint("last"), tmp_path / "f.toml")
    assert (tmp_path / "f.toml").is_symlink()
    assert '"last"' in (tmp_path / "real.toml").read_text()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "holds something else than a fingerprint; name another file"),
        (b"[targets.staging]\n", "holds something else than a fingerprint; name another file"),
        (b"\xff", "holds something else than a fingerprint; name another file"),
        (document(target='target = "production"').encode(), "is the fingerprint of the target 'production', and"),
        (document(profile='profile = "acme"').encode(), "is the fingerprint of the profile 'acme', and the run is of"),
    ],
)
def test_nothing_else_is_overwritten(content: bytes, why: str, tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        pinning.keep(fingerprint(), file)
    assert str(caught.value).startswith(f"--output {file}: {why}")
    assert file.read_bytes() == content


def test_where_it_cannot_be_written_the_earlier_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f.toml"
    pinning.keep(fingerprint("first"), file)
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SettingsError, match="cannot be written: No space left on device"):
        pinning.keep(fingerprint("last"), file)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["f.toml"]


def test_a_folder_that_is_not_there_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written: No such file or directory"):
        pinning.keep(fingerprint(), tmp_path / "none" / "f.toml")


# Reading


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "",
            "line 1: format has to be 'token-conformance-fingerprint/1'; token-conformance pin RUN writes such a file",
        ),
        ("a = ", "is no TOML: Invalid value (at line 1, the last one)"),
        ("a = 1", "line 1: 'a' is no key of a fingerprint; accepted: format, target, "),
        (document(profile='profle = "passport"'), "line 6: 'profle' is no key of a fingerprint; "),
        (document(profile='profle = "passport"'), "did you mean 'profile'?"),
        (document(format='format = "token-conformance-fingerprint/2"'), "line 3: format has to be"),
        (document(edition='edition = "2"'), "line 7: edition has to be a whole number"),
        (document(edition="edition = true"), "line 7: edition has to be a whole number"),
        (document(target="target = 1"), "line 4: target has to be a string"),
        (document(edition=""), "line 10: the file ends without edition"),
        (document(**{"[traits]": "[trait]"}), "line 9: 'trait' is no key of a fingerprint; "),
        (document(**{"[traits]": "[[traits]]"}), "line 9: traits has to be a table"),
        (document(**{'"content': '"content_type.duplicate" = ""'}), "line 10: 'content_type.duplicate' has to be a"),
        (document(**{'"content': "content_type.duplicate = 'first'"}), "line 10: 'content_type' has to be a string"),
        (
            document(**{'"content': '"content_type.duplicate" = "fist"'}),
            "line 10: content_type.duplicate cannot be 'fi",
        ),
        (document(**{'"content': '"content_type.duplicate" = "fist"'}), "did you mean 'first'?"),
        (
            document(**{'"content': '"content_type.duplicat" = "first"'}),
            "line 10: 'content_type.duplicat' is no trait; ",
        ),
        (document(**{'"content': '"content_type.duplicat" = "first"'}), "did you mean 'content_type.duplicate'?"),
        (
            document(**{'"content': '"zzz" = "first"'}),
            "'zzz' is no trait; pin a run again, or give the file of your own",
        ),
        (document(**{'"content': '"a\\u001b[31m" = "x"'}), "'a\\x1b[31m' is no trait"),
    ],
)
def test_a_file_that_is_no_fingerprint_is_refused_with_its_line(text: str, why: str, tmp_path: Path) -> None:
    assert why in refused(text, tmp_path)


def test_a_fingerprint_of_another_profile_is_refused(tmp_path: Path) -> None:
    said = refused(document(), tmp_path, profile="rfc6749")
    assert said == "was made with the profile 'passport', and this is 'rfc6749'; pin a run of this profile"


def test_a_fingerprint_of_a_newer_edition_is_refused(tmp_path: Path) -> None:
    edition = catalogue.load().edition
    said = refused(document(edition=f"edition = {edition + 1}"), tmp_path)
    assert said == (
        f"was made with edition {edition + 1} of the catalogue, and this release has {edition}; "
        "install a newer release, or pin a run of this one"
    )


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda _: None, "cannot be read: No such file or directory"),
        (lambda file: file.mkdir(), "cannot be read: Is a directory"),
        (lambda file: file.write_bytes(b"a = '\xff'"), "cannot be read: not UTF-8"),
        (lambda file: file.write_bytes(b"#" * (1 << 20) + b"\n"), "cannot be read: larger than 1 MiB"),
    ],
    ids=["none", "folder", "octets", "huge"],
)
def test_what_cannot_be_read_is_an_error_in_one_line(make: object, why: str, tmp_path: Path) -> None:
    make(tmp_path / "f.toml")  # type: ignore[operator]
    with pytest.raises(SettingsError) as caught:
        pinning.read(tmp_path / "f.toml", "f.toml")
    assert str(caught.value) == f"'f.toml': {why}"


def test_a_pinned_trait_may_be_one_of_a_case_of_ones_own() -> None:
    row = case.own_requirement(
        "OWN-001", level="MAY", title="own", statement="It may.", remedy="None.", traits={"own.choice": ("yes", "no")}
    )
    own = case.Case(row, lambda: None)
    pinned = pinning.Fingerprint("t", "u", "passport", 1, {"own.choice": "no"}, "f.toml")
    pinning.check(pinned, "passport", (*CASES, own))
    with pytest.raises(SettingsError, match=r"'own\.choice' is no trait"):
        pinning.check(pinned, "passport", CASES)


# Drift


@pytest.mark.parametrize(
    ("pinned", "seen", "drifted"),
    [
        ({"a": "x"}, {"a": "x"}, []),
        ({"a": "x"}, {"a": "y"}, [("a", "x", "y")]),
        ({"a": "x"}, {"a": "unknown"}, []),
        ({"a": "x"}, {}, []),
        ({"a": "unknown"}, {"a": "y"}, []),
        ({}, {"a": "y"}, []),
        ({"b": "x", "a": "x"}, {"a": "y", "b": "y"}, [("b", "x", "y"), ("a", "x", "y")]),
    ],
)
def test_drift_is_a_value_that_was_seen_and_is_not_the_pinned_one(
    pinned: dict[str, str], seen: dict[str, str], drifted: list[tuple[str, str, str]]
) -> None:
    assert [(one.trait, one.pinned, one.seen) for one in pinning.drift(pinned, seen)] == drifted
