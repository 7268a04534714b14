"""``carpal serve``"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from carpal.cli.options import need_fastapi
from carpal.cli.serve_dicom import DicomOptions

if TYPE_CHECKING:
    from carpal.service.database import Database

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, help="Read what is sent over HTTP; keep the readings.")
token = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who may come in.")
app.add_typer(token, name="token")

_WHO = "command line"


def _folder(text: str) -> Path:
    """An empty name, as an unset variable gives, would mean the folder one stands in."""
    from carpal.errors import CarpalError  # a ValueError would be wrapped in three lines of usage

    if not text:
        raise CarpalError("--data is empty: name the folder of the store")
    if Path(text).exists() and not Path(text).is_dir():
        raise CarpalError(f"--data {text}: that is a file; name a folder")
    return Path(text)


_Data = Annotated[
    Path, typer.Option(metavar="DIR", parser=_folder, help="Folder of the store; made if it is not there.")
]
_Url = Annotated[
    Optional[str],
    typer.Option(metavar="URL", envvar="CARPAL_DATABASE", help="PostgreSQL instead of SQLite in the folder."),
]
_DATA = Path("carpal-data")


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Where to listen; beyond this machine only with tokens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.")] = 8000,
    data: _Data = _DATA,
    database: _Url = None,
    workers: Annotated[Optional[int], typer.Option(help="Processes that read; else one per core.")] = None,
    model: Annotated[str, typer.Option(help="A shipped model or an ONNX file made by carpal export.")] = "default",
    calibration: Annotated[
        Optional[Path], typer.Option(metavar="FILE.json", help="A site's own, made by carpal calibrate.")
    ] = None,
    queue: Annotated[int, typer.Option(help="Radiographs that may wait; the next is sent away with 503.")] = 100,
    rate: Annotated[int, typer.Option(help="Requests a minute that one client may send.")] = 600,
    max_mib: Annotated[float, typer.Option("--max-mib", help="The largest file that is taken.")] = 128.0,
    seconds_per_file: Annotated[float, typer.Option(help="After that a reading is ended.")] = 60.0,
    tls_cert: Annotated[Optional[Path], typer.Option(metavar="FILE.pem", help="HTTPS with this certificate.")] = None,
    tls_key: Annotated[Optional[Path], typer.Option(metavar="FILE.pem", help="And its key.")] = None,
    dicom_port: Annotated[Optional[int], typer.Option(help="Take radiographs by C-STORE too; 0: any.")] = None,
    dicom_host: Annotated[str, typer.Option(help="Where; beyond this machine only with peers.")] = "127.0.0.1",
    ae_title: Annotated[str, typer.Option(help="What carpal is called among DICOM nodes.")] = "CARPAL",
    dicom_peers: Annotated[str, typer.Option(metavar="AET[@HOST],...", help="Who alone may send by C-STORE.")] = "",
    dicom_tls_cert: Annotated[
        Optional[Path], typer.Option(metavar="FILE.pem", help="DICOM over TLS with this certificate.")
    ] = None,
    dicom_tls_key: Annotated[Optional[Path], typer.Option(metavar="FILE.pem", help="And its key.")] = None,
    dicom_tls_ca: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE.pem", help="Let only those in who show a certificate of this authority."),
    ] = None,
    dicom_rule: Annotated[
        Optional[Path], typer.Option(metavar="FILE.json", help="Which DICOM objects are hand radiographs.")
    ] = None,
    dicom_others: Annotated[str, typer.Option(metavar="pass|refuse", help="What becomes of other objects.")] = "pass",
    send_to: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="URL", help="dicom[+tls]://AET@host:port or https://host/path: results go there; repeatable."
        ),
    ] = None,
    send_ca: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE.pem", help="Whose certificates to trust there; else whom this machine trusts."),
    ] = None,
    send: Annotated[str, typer.Option(help="Which results: some of sr, sc and pdf.")] = "sr,sc",
    send_authorization: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", help="Lines of HOST and its Authorization header; or CARPAL_SEND_AUTHORIZATION."),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Drawn hands only, in a store that is gone at the end.")] = False,
) -> None:
    """Serve readings over HTTP until stopped by SIGTERM or Ctrl-C; what is not finished then is read next time."""
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    need_fastapi()
    from carpal.service.server import serve as run
    from carpal.service.server import serve_demo
    from carpal.service.settings import Settings

    chosen = {} if workers is None else {"workers": workers}
    dicom = DicomOptions(
        port=dicom_port,
        host=dicom_host,
        ae_title=ae_title,
        peers=dicom_peers,
        rule=dicom_rule,
        others=dicom_others,
        max_mib=max_mib,
        send_to=tuple(send_to or ()),
        send=send,
        authorization=send_authorization,
        tls_cert=dicom_tls_cert,
        tls_key=dicom_tls_key,
        tls_ca=dicom_tls_ca,
        send_ca=send_ca,
    )
    settings = Settings(
        data=data,
        database_url=database,
        host=host,
        port=port,
        model=model,
        calibration=calibration,
        queue=queue,
        seconds_per_file=seconds_per_file,
        body_mib=max_mib,
        requests_per_minute=rate,
        tls_cert=tls_cert,
        tls_key=tls_key,
        dicom=dicom.settings(),
        **chosen,
    )
    if not demo:
        run(settings)
        return
    _refuse_beside_demo(context)
    serve_demo(lambda folder: replace(settings, data=folder, database_url=None))


def _refuse_beside_demo(context: typer.Context) -> None:
    from carpal.errors import InvalidArgument

    for name in ("data", "database", "dicom_port", "send_to"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise InvalidArgument(f"--demo has a store of its own and no DICOM node: leave out {option}")


def _refuse_options_before(context: typer.Context) -> None:
    """``carpal serve --data DIR purge`` would purge another folder than the one that it names."""
    from carpal.errors import InvalidArgument

    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise InvalidArgument(f"{option} goes behind {context.invoked_subcommand}, where it is an option of that")


@contextmanager
def _database(data: Path, url: str | None, *, new: bool = False) -> Iterator[Database]:
    need_fastapi()
    from carpal.errors import InvalidArgument
    from carpal.service.database import Database

    if not new and url is None and not (data / "carpal.sqlite").is_file():
        raise InvalidArgument(f"{data}: there is no store in this folder")
    database = Database(data, url)
    try:
        yield database
    finally:
        database.close()


@token.command("add")
def token_add(
    name: Annotated[str, typer.Argument(help="Whose it is; the audit log will say so.")],
    role: Annotated[str, typer.Option(help="reader, or admin, who may also delete.")] = "reader",
    data: _Data = _DATA,
    database: _Url = None,
) -> None:
    """Make a token and print it: it is shown this once."""
    with _database(data, database, new=True) as opened:
        from carpal.service.tokens import Tokens

        print(Tokens(opened).add(name, role, _WHO))


@token.command("list")
def token_list(data: _Data = _DATA, database: _Url = None) -> None:
    """Say which tokens there are."""
    with _database(data, database) as opened:
        from carpal.service.audit import in_utc
        from carpal.service.tokens import Tokens

        for facts in Tokens(opened).all():
            made = in_utc(facts.created_s)
            print(f"{facts.name}: {facts.role}, made {made}{', revoked' if facts.revoked_s else ''}")


@token.command("revoke")
def token_revoke(name: Annotated[str, typer.Argument()], data: _Data = _DATA, database: _Url = None) -> None:
    """From now on this token opens nothing."""
    with _database(data, database) as opened:
        from carpal.service.tokens import Tokens

        Tokens(opened).revoke(name, _WHO)


@app.command("audit")
def audit(data: _Data = _DATA, database: _Url = None) -> None:
    """Print who did what, when, and with which model: a JSON object a line."""
    import json
    from dataclasses import asdict

    with _database(data, database) as opened:
        from carpal.service.audit import entries

        for entry in entries(opened):
            told = asdict(entry)
            del told["at_s"]
            print(json.dumps({"at": entry.at} | told))


@app.command("delete")
def delete(
    reading_id: Annotated[str, typer.Argument(metavar="ID")], data: _Data = _DATA, database: _Url = None
) -> None:
    """Forget one reading, its radiograph and its picture."""
    with _database(data, database) as opened:
        from carpal.service.readings import ReadingStore

        ReadingStore(opened, data).delete(reading_id, _WHO)


@app.command("purge")
def purge(
    older_than: Annotated[float, typer.Option("--older-than", metavar="DAYS", help="Accepted longer ago than that.")],
    data: _Data = _DATA,
    database: _Url = None,
) -> None:
    """Forget every finished reading that is older, with its radiograph and picture, and files that belong to none."""
    import time

    from carpal.errors import InvalidArgument

    if not older_than >= 0:
        raise InvalidArgument("--older-than is a number of days, 0 or more")
    with _database(data, database) as opened:
        from carpal.service.readings import ReadingStore

        gone = ReadingStore(opened, data).purge(time.time() - 86400 * older_than, _WHO)
        print(f"{gone} readings are gone")


@app.command("outbox")
def outbox(
    retry: Annotated[bool, typer.Option("--retry", help="Try at once whatever waits; a running server does.")] = False,
    data: _Data = _DATA,
    database: _Url = None,
) -> None:
    """Say which results wait to be sent, and why."""
    from carpal.cli.serve_dicom import format_outbox

    with _database(data, database) as opened:
        from carpal.service.outbox import Outbox

        box = Outbox(opened)
        if retry:
            print(f"{box.hurry()} results are tried again")
        else:
            print(format_outbox(box.overview()), end="")
