"""The package as it is installed: the wheel's content, its data found from everywhere, and a namesake in its place."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from conformance import __version__
from conformance.resources import PACKAGE

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = Path(sys.executable).with_name("token-conformance")
LEFT_OUT = (".git", ".venv", "reports", ".*_cache", ".hypothesis", "__pycache__")


def environment(**more: str) -> dict[str, str]:
    foreign = ("TOKEN_CONFORMANCE", "PYTHON", "PYTEST", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | more


def ran(*words: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    line = [str(word) for word in words]
    return subprocess.run(
        line, cwd=cwd, env=environment(**env), capture_output=True, text=True, check=False, timeout=110
    )


def copied(to: Path) -> Path:
    """A copy of the checkout as git would archive it."""
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return to


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout; built with what is installed here where that is enough."""
    work = tmp_path_factory.mktemp("wheel")
    here = ("--no-build-isolation",) if importlib.util.find_spec("hatchling") else ()
    words = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", *here, "-w", "dist", copied(work / "checkout"))
    done = ran(*words, cwd=work)
    assert done.returncode == 0, done.stderr
    (file,) = (work / "dist").glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel, and its dependencies by reference."""
    place = tmp_path_factory.mktemp("installed") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True, timeout=60)
    done = ran(
        sys.executable,
        "-m",
        "pip",
        "--python",
        place / "bin" / "python",
        "install",
        "-q",
        "--no-deps",
        wheel,
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    (packages,) = place.glob("lib/python*/site-packages")
    # A folder that is named in a .pth file has its own .pth files ignored, an editable install's among them.
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return place / "bin"


def test_the_wheel_holds_everything_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"token_conformance-{__version__}.dist-info"
    for name in (
        "token_conformance.py",
        "conformance/py.typed",
        "conformance/session.ini",
        "conformance/openapi/passport.yaml",
        "conformance/openapi/rfc6749.yaml",
        "conformance/openapi/as-documented.yaml",
        "conformance/profiles/passport.toml",
        "conformance/profiles/rfc6749.toml",
        "conformance/report/results.schema.json",
        f"{info}/licenses/LICENSE",
        f"{info}/entry_points.txt",
    ):
        assert name in names
    checkout = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "conformance").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and "launcher" not in file.parts
    }
    openapi = {f"conformance/openapi/{file.name}" for file in (ROOT / "openapi").iterdir()}
    assert {name for name in names if info not in name} == {*checkout, *openapi, "token_conformance.py"}


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        metadata = file.read(f"token_conformance-{__version__}.dist-info/METADATA").decode()
    for line in ("Name: token-conformance", f"Version: {__version__}", "License-Expression: Apache-2.0"):
        assert f"\n{line}\n" in metadata
    assert "Requires-Python: >=3.11" in metadata


@pytest.mark.parametrize("profile", ["passport", "rfc6749"])
def test_an_installed_wheel_judges_from_another_folder(profile: str, installed: Path, tmp_path: Path) -> None:
    words = ("run", "--profile", profile, "--select", "REQ,CTYPE,GEN", "--examples", "5", "--report-dir", "out")
    done = ran(installed / "token-conformance", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert {file.name for file in tmp_path.iterdir()} == {"out"}


def test_an_installed_wheel_is_the_one_that_is_run(installed: Path, tmp_path: Path) -> None:
    code = "import conformance; print(conformance.__file__)"
    place = ran(installed / "python", "-c", code, cwd=tmp_path).stdout.strip()
    assert Path(place).is_relative_to(installed.parent)
    as_script = ran(installed / "token-conformance", "list", cwd=tmp_path)
    as_module = ran(installed / "python", "-m", "conformance", "list", cwd=tmp_path)
    assert as_script.stdout == as_module.stdout != ""


def test_an_installed_wheel_brings_the_certificates_of_its_endpoint(installed: Path, tmp_path: Path) -> None:
    code = "from conformance.reference import start\nwith start(tls=True) as endpoint: print(endpoint.ca_bundle)"
    place = Path(ran(installed / "python", "-c", code, cwd=tmp_path).stdout.strip())
    assert place.is_relative_to(installed.parent)
    assert place.read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_an_installed_wheel_brings_its_plugin(installed: Path, tmp_path: Path) -> None:
    words = ("-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "conformance.cases", "-k", "CTYPE-009")
    done = ran(installed / "python", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_a_checkout_finds_its_own_data(tmp_path: Path) -> None:
    checkout = copied(tmp_path / "checkout")
    words = ("-m", "conformance", "run", "--select", "REQ-001,GEN", "--examples", "5", "--report-dir", "out")
    done = ran(sys.executable, *words, cwd=checkout, PYTHONDONTWRITEBYTECODE="1")
    assert (done.returncode, done.stderr) == (0, ""), done
    shutil.rmtree(checkout / "openapi")
    done = ran(sys.executable, *words, cwd=checkout, PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode != 0


def test_this_install_is_editable_or_a_copy_and_finds_its_data(tmp_path: Path) -> None:
    done = ran(SCRIPT, "run", "-q", "--select", "REQ-001,GEN-006", "--examples", "5", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (Path(str(PACKAGE)) / "session.ini").is_file()


def test_a_namesake_in_our_place_takes_one_sentence_and_exit_4(tmp_path: Path) -> None:
    (tmp_path / "path" / "conformance").mkdir(parents=True)
    (tmp_path / "path" / "conformance" / "__init__.py").write_text("")
    (tmp_path / "cwd").mkdir()
    done = ran(SCRIPT, "--help", cwd=tmp_path / "cwd", PYTHONPATH=str(tmp_path / "path"))
    assert done.returncode == 4
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "another distribution's" in line
    assert str(tmp_path / "path" / "conformance") in line


def test_a_folder_of_the_same_name_here_is_no_namesake(tmp_path: Path) -> None:
    (tmp_path / "conformance").mkdir()
    (tmp_path / "conformance" / "__init__.py").write_text("raise SystemExit(1)\n")
    assert ran(SCRIPT, "--version", cwd=tmp_path).returncode == 0
