"""Settings: what flags, environment and conformance.toml say together, each key by the highest of them that has it."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from conformance import clients, proxy
from conformance.connection import WireError, present
from conformance.given import FILE, Given, Layer, borrow, readable, ways
from conformance.keys import (
    HEADERS,
    KEYS,
    LABEL,
    PARAMETERS,
    PREFIX,
    Borrowed,
    Key,
    kind_of,
    parse_toml,
    read_file,
)
from conformance.pinning import Fingerprint
from conformance.pinning import read as read_fingerprint
from conformance.profiles import Profile, load
from conformance.target import (
    ClientCertificate,
    Credentials,
    Extra,
    Limits,
    Proxy,
    Secret,
    SettingsError,
    Table,
    Target,
    accepted,
    check_header,
    check_parameter,
    shown,
    target_at,
)
from conformance.waivers import Waiver
from conformance.waivers import read as read_waivers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Key", "Settings", "SettingsError", "known_keys", "resolve"]

REMOTE_RPS = 20.0
SAFE_RPS = 1.0
FLAGS_ALONE = ("dry_run", "quiet", "verbose")

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a run is told; ``target`` is None where the embedded endpoint is to be judged."""

    target: Target | None
    profile: Profile
    limits: Limits
    select: tuple[str, ...]
    include: tuple[str, ...]
    cases: tuple[Path, ...]
    fail_on: Literal["must", "should", "never"]
    edition: int | None
    examples: int
    seed: int
    report_dir: Path | None
    allow_plain_http: bool
    pinned: Fingerprint | None = None
    waivers: tuple[Waiver, ...] = ()


def known_keys() -> tuple[Key, ...]:
    """Every setting: the one table behind flags, variables and the keys of the file."""
    return KEYS


def resolve(
    flags: Mapping[str, Any], environ: Mapping[str, str], cwd: Path, *, prompt: Callable[[str], str] | None = None
) -> Settings:
    """The settings that flags, environment, file and defaults give together, in this order of precedence.

    A key is taken whole from the highest source that has it: headers of two sources are not merged. ``default_target``
    counts only where no flag or variable gives a base URL, so that a target's secret does not travel to another host.

    Args:
        flags: by the name of the option in snake case; None, False and an empty tuple mean that a flag was not given.
        environ: the environment variables.
        cwd: the folder that relative paths of flags and variables start from, and where conformance.toml is looked for.
        prompt: asks for the client secret with the given question; None where there is no terminal.

    Raises:
        SettingsError: something given is unknown, malformed, missing or contradicts something else.
    """
    cwd = cwd.absolute()
    from_flags = _from_flags(flags, cwd)
    from_environ = _from_environ(environ, cwd)
    config, top, tables = _from_file(from_flags.get("config") or from_environ.get("config"), cwd)
    chosen = _chosen(from_flags, from_environ, top, tables, config)
    layers = (from_flags, from_environ, tables.get(chosen or "", {}), top)
    values: Layer = {}
    for layer in reversed(layers):
        values.update(layer)

    profile = _profile(values.get("profile"))
    cases = tuple(readable(values["cases"], one) for one in _value(values, "cases"))
    report_dir = _folder(values.get("report-dir"))
    target = None
    if "base-url" in values:
        target = _target(values, layers, chosen, profile, environ, prompt)
        if chosen is not None:
            named = from_flags.get("config") or from_environ.get("config")
            filed = frozenset(values.keys() - from_flags.keys() - from_environ.keys())
            target = replace(target, table=Table(str(named.value) if named else None, filed))
    else:
        _refuse_stray(values)
    return Settings(
        target=target,
        profile=profile,
        limits=_limits(values, target),
        select=_value(values, "select"),
        include=_value(values, "include"),
        cases=cases,
        fail_on=_value(values, "fail-on"),
        edition=_value(values, "edition"),
        examples=_value(values, "examples"),
        seed=_value(values, "seed"),
        report_dir=report_dir,
        allow_plain_http=_value(values, "allow-plain-http"),
        pinned=_content(values.get("pinned"), read_fingerprint),
        waivers=_content(values.get("waivers"), read_waivers) or (),
    )


def waivers(flags: Mapping[str, Any], environ: Mapping[str, str], cwd: Path, target: str | None) -> tuple[Waiver, ...]:
    """The waivers that hold for a target of that name, where nothing else is to be set.

    Args:
        flags: as in `resolve`.
        environ: the environment variables.
        cwd: as in `resolve`.
        target: name of the target, whose table of the file counts if it has one.

    Raises:
        SettingsError: as `resolve`.
    """
    cwd = cwd.absolute()
    from_flags, from_environ = _from_flags(flags, cwd), _from_environ(environ, cwd)
    _, top, tables = _from_file(from_environ.get("config"), cwd)
    values = {**top, **tables.get(target or "", {}), **from_environ, **from_flags}
    return _content(values.get("waivers"), read_waivers) or ()


def _limits(values: Layer, target: Target | None) -> Limits:
    max_rps = _value(values, "max-rps") or (None if target is None or target.loopback else REMOTE_RPS)
    found = Limits(
        timeout=_value(values, "timeout"),
        concurrency=_value(values, "concurrency"),
        max_duration=_value(values, "max-duration"),
        max_rps=max_rps,
    )
    if not _value(values, "safe"):
        return found
    return replace(found, safe=True, concurrency=1, max_rps=min(max_rps or SAFE_RPS, SAFE_RPS))


def _value(values: Layer, option: str) -> Any:
    if option in values:
        return values[option].value
    return next(key.default for key in KEYS if key.option == option)


def _checked(key: Key, raw: Any, where: str, folder: Path) -> Given:
    try:
        return Given(key.kind.check(raw), where, folder)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None


def _read(key: Key, parts: Iterable[Any], where: str) -> Any:
    """The texts of a flag or a variable as the value that TOML would give; what is no text stays as it is."""
    try:
        values = tuple(key.kind.read(part) if isinstance(part, str) else part for part in parts)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None
    return values if key.kind.separator else values[0]


def _from_flags(flags: Mapping[str, Any], cwd: Path) -> Layer:
    known = {key.name: key for key in KEYS if key.has_flag}
    layer: Layer = {}
    for name, raw in flags.items():
        if name not in known:
            raise SettingsError(f"{shown(name)} is no option; {accepted(name, known)}")
        if raw is None or raw is False or raw in ((), []):
            continue
        key = known[name]
        where = f"--{key.option}"
        parts = raw if isinstance(raw, (list, tuple)) else (raw,)
        parts = [os.fspath(part) if isinstance(part, os.PathLike) else part for part in parts]
        layer[key.option] = _checked(key, _read(key, parts, where), where, cwd)
    return layer


def _from_environ(environ: Mapping[str, str], cwd: Path) -> Layer:
    known = {PREFIX + key.name.upper(): key for key in KEYS if key.has_variable}
    layer: Layer = {}
    for variable, raw in environ.items():
        if not variable.startswith(PREFIX):
            continue
        if variable not in known:
            reason = _flag_alone(variable.removeprefix(PREFIX).lower()) or f"is no setting; {accepted(variable, known)}"
            raise SettingsError(f"{variable}: {reason}")
        key = known[variable]
        parts = [raw]
        if key.kind.separator == "\n":
            parts = [line.removesuffix("\r") for line in raw.split("\n") if line.strip()]
        given = _checked(key, _read(key, parts, variable), variable, cwd)
        if key.kind in (HEADERS, PARAMETERS):
            # The environment is where keys of gateways are kept, so what stands there is masked.
            hidden = tuple(Extra(extra.name, Secret(extra.value) if extra.value else "") for extra in given.value)
            given = replace(given, value=hidden)
        layer[key.option] = given
    return layer


def _from_file(given: Given | None, cwd: Path) -> tuple[str, Layer, dict[str, Layer]]:
    """The name of the file as errors show it, its top-level keys, and its targets."""
    name = FILE if given is None else str(given.value)
    file = cwd / name
    if given is None and not os.path.lexists(file):
        return name, {}, {}
    try:
        document = parse_toml(read_file(file))
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}" if given is None else f"{given.where}: {name}: {error}") from None
    folder = file.parent
    named = document.pop("targets", {})
    if not isinstance(named, dict):
        raise SettingsError(
            f"{name}: targets: {kind_of(named)} is not accepted; accepted: tables such as [targets.staging]"
        )
    top = _from_table(document, f"{name}: ", folder, in_target=False)
    tables = {}
    for target, table in named.items():
        where = f"{name}: targets.{target}"
        try:
            LABEL.check(target)
        except SettingsError as error:
            raise SettingsError(f"{name}: targets: {error}") from None
        if not isinstance(table, dict):
            raise SettingsError(
                f"{where}: {kind_of(table)} is not accepted; accepted: a table such as [targets.staging]"
            )
        tables[target] = _from_table(table, f"{where}.", folder, in_target=True)
    return name, top, tables


def _from_table(table: Mapping[str, Any], where: str, folder: Path, *, in_target: bool) -> Layer:
    every = {key.toml: key for key in KEYS if key.toml}
    known = {toml: key for toml, key in every.items() if key.part != "run"} if in_target else every
    layer: Layer = {}
    for name, raw in table.items():
        if name in known:
            layer[known[name].option] = _checked(known[name], raw, where + name, folder)
        elif f"{name}_env" in known and f"{name}_file" in known:
            how = f'{name}_env = "NAME" or {name}_file = "PATH"'
            raise SettingsError(f"{where}{name}: a secret never stands in this file; accepted: {how}")
        elif name in every:
            raise SettingsError(f"{where}{name}: belongs to the run, not to a target; it stands at the top of the file")
        else:
            names = known if in_target else [*known, "targets"]
            raise SettingsError(f"{where}{name}: {_flag_alone(name) or f'is no setting; {accepted(name, names)}'}")
    return layer


def _flag_alone(name: str) -> str | None:
    return f"can only be given as --{name.replace('_', '-')}" if name in FLAGS_ALONE else None


def _chosen(flags: Layer, environ: Layer, top: Layer, tables: Mapping[str, Layer], config: str) -> str | None:
    """The name of the target table that applies, or None."""
    asked, standing = flags.get("target") or environ.get("target"), top.get("target")
    for given in (asked, standing):
        if given is not None and given.value not in tables:
            raise SettingsError(
                f"{given.where}: {given.value!r} is no target of {config}; {accepted(given.value, tables)}"
            )
    if asked is not None:
        return str(asked.value)
    if "base-url" in flags or "base-url" in environ:
        return None
    if standing is not None:
        return str(standing.value)
    if tables:
        how = f"--target, {PREFIX}TARGET or default_target in the file"
        raise SettingsError(f"{config}: no target is chosen; give {how}; accepted: {', '.join(tables)}")
    return None


def _refuse_stray(values: Layer) -> None:
    """Refuse a setting of a target where no base URL says which."""
    for key in KEYS:
        if key.of_target and key.option in values:
            where = values[key.option].where
            raise SettingsError(f"{where}: belongs to a target, but there is no base URL; {ways('base-url')}")


def _profile(given: Given | None) -> Profile:
    if given is None:
        return load("passport", Path())
    try:
        return load(given.value, given.folder)
    except SettingsError as error:
        raise SettingsError(f"{given.where}: {error}") from None


def _target(
    values: Layer,
    layers: tuple[Layer, ...],
    chosen: str | None,
    profile: Profile,
    environ: Mapping[str, str],
    prompt: Callable[[str], str] | None,
) -> Target:
    base = values["base-url"]
    token_path = values["token-path"].value if "token-path" in values else profile.token_path
    if token_path is None:
        raise SettingsError(f"no token path: the profile {profile.name!r} names none; {ways('token-path')}")
    if "client-id" not in values:
        standing = values.get("target") if chosen is None else None
        unused = f"; {standing.where} does not apply beside {base.where}, --target would" if standing else ""
        raise SettingsError(f"no client id for the target of {base.where}; {ways('client-id')}{unused}")
    if not profile.default_scope and "scope" not in values:
        raise SettingsError(f"no scope: the profile {profile.name!r} has default_scope = false; {ways('scope')}")
    bundle = values.get("ca-bundle")
    unauthenticated = Credentials(values["client-id"].value, Secret(""))
    target = replace(
        target_at(base.value, token_path, unauthenticated, name=chosen),
        scope=_value(values, "scope"),
        headers=_lent(values.get("header"), check_header, environ),
        parameters=_lent(values.get("parameter"), check_parameter, environ),
        ca_bundle=None if bundle is None else str(readable(bundle, bundle.value)),
        client_certificate=_client_certificate(values, environ, prompt),
        pins=_value(values, "resolve"),
    )
    target = replace(target, proxy=_proxy(values.get("proxy"), target, environ))
    _check_pins(values.get("resolve"), target)
    if target.scheme == "http" and not target.loopback and not _value(values, "allow-plain-http"):
        reason = "http to a host that is not loopback shows the secret to the network"
        raise SettingsError(f"{base.where}: {reason}; accepted: https, or --allow-plain-http beside it")
    question = f"Client secret of {target.credentials.client_id} at {target.authority}: "
    found = clients.secret(layers, environ, prompt, question)
    further = clients.further(layers, environ, prompt, values["client-id"], target.authority)
    return replace(target, credentials=replace(unauthenticated, secret=found), clients=further)


def _proxy(given: Given | None, target: Target, environ: Mapping[str, str]) -> Proxy | None:
    """What stands before a target: the proxy that is set, or else that of the environment."""
    if given is None:
        # What the environment says was meant for other machines.
        return None if target.loopback else proxy.from_environment(environ, target.scheme, target.host, target.port)
    found: Proxy | Borrowed | None = given.value
    if not isinstance(found, Borrowed):
        return found
    try:
        return proxy.parse(borrow(found.variable, given.where, environ))
    except SettingsError as error:
        text_ = str(error)
        raise SettingsError(text_ if text_.startswith(given.where) else f"{given.where}: {text_}") from None


def _check_pins(given: Given | None, target: Target) -> None:
    if given is None:
        return
    if target.pinned(target.port) is None:
        raise SettingsError(f"{given.where}: no entry is for {target.host} and port {target.port}, the target's")
    if target.forwarded:
        raise SettingsError(f"{given.where}: an HTTP proxy looks up the host itself; accepted beside it: --proxy none")


def _client_certificate(
    values: Layer, environ: Mapping[str, str], prompt: Callable[[str], str] | None
) -> ClientCertificate | None:
    """The certificate to show in TLS handshakes, once it was seen that it can be used."""
    certificate, key = values.get("client-cert"), values.get("client-key")
    if certificate is None:
        if key is not None:
            raise SettingsError(f"{key.where}: there is no certificate for it; {ways('client-cert')}")
        return None
    found = ClientCertificate(
        str(readable(certificate, certificate.value)), None if key is None else str(readable(key, key.value))
    )
    asked: list[Secret] = []

    def passphrase() -> str:
        asked.append(_passphrase(values, environ, prompt, (key or certificate).value))
        return asked[-1].reveal()

    try:
        present(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), found, passphrase)
    except WireError as error:
        raise SettingsError(f"{' and '.join(one.where for one in (certificate, key) if one)}: {error}") from None
    return replace(found, passphrase=asked[-1]) if asked else found


def _passphrase(values: Layer, environ: Mapping[str, str], prompt: Callable[[str], str] | None, name: str) -> Secret:
    if "client-key-passphrase" in values:
        found: Secret = values["client-key-passphrase"].value
        return found
    if "client-key-passphrase-env" in values:
        given = values["client-key-passphrase-env"]
        return Secret(borrow(given.value, given.where, environ))
    if prompt is None:
        how = ways("client-key-passphrase", "client-key-passphrase-env")
        raise SettingsError(f"the key {shown(name)} is encrypted and has no passphrase; {how}")
    return Secret(prompt(f"Passphrase of {name}: "))


def _lent(
    given: Given | None, check: Callable[[str, str], tuple[str, str]], environ: Mapping[str, str]
) -> tuple[Extra, ...]:
    """The headers or parameters, those that stand in the environment read from there."""
    if given is None:
        return ()
    extras: list[Extra] = []
    for extra in given.value:
        if isinstance(extra, Extra):
            extras.append(extra)
            continue
        where = f"{given.where}.{extra.name}"
        borrowed = borrow(extra.variable, where, environ)
        try:
            name, value = check(extra.name, borrowed)
        except SettingsError as error:
            raise SettingsError(f"{where}: {error}") from None
        extras.append(Extra(name, Secret(value)))
    return tuple(extras)


def _content(given: Given | None, read: Callable[[Path, str], Content]) -> Content | None:
    """What is read from the file that a setting names."""
    if given is None:
        return None
    try:
        return read(given.folder / given.value, given.value)
    except SettingsError as error:
        raise SettingsError(f"{given.where}: {error}") from None


def _folder(given: Given | None) -> Path | None:
    if given is None:
        return None
    folder: Path = given.folder / given.value
    if os.path.lexists(folder) and not folder.is_dir():
        raise SettingsError(f"{given.where}: {shown(given.value)} is a file; accepted: a folder, which may be new")
    return folder
