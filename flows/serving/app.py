"""The HTTP service: routes over the use cases, and nothing that knows how a diagnosis is made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from aoi.access.alerts import read_alerts
from aoi.database.answers import GivenAnswer
from aoi.database.feedback import Feedback
from aoi.database.tokens import TokenBook
from aoi.errors import AlertUnreadable, CorruptObject, NothingFires, QueueFull
from aoi.records.base import Record
from aoi.records.diagnosis import Diagnosis
from aoi.records.request import ClusterName, DiagnosisRequest
from aoi.records.submission import Submission, Trouble
from flows.serving import problems
from flows.serving.bodies import Bounded
from flows.serving.callers import Operator, Viewer, refuse_unknown
from flows.serving.metrics import Metrics
from tasks import answers
from tasks.clusters import Place, places, registered
from tasks.desk import Desk
from tasks.live import MAX_ALERTS
from tasks.status import Status, status
from tasks.troubles import trouble_of
from tasks.workspace import workspace

POLL_S = 0.1
"""How often a stream looks for what is new."""
ELSEWHERE_S = 1.0
"""The same for what another server makes: it is read from the database."""
MAX_WAIT_S = 60.0

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
AnswerName = Annotated[str, Path(pattern=r"^(diagnosis:)?[0-9a-f]{4,64}$")]
WaitS = Annotated[float, Query(ge=0, le=MAX_WAIT_S)]
v1 = APIRouter(prefix="/v1")


class Told(Record):
    """A submission with its answer, where there is one."""

    submission: Submission
    diagnosis: Diagnosis | None
    trouble: Trouble | None = None
    """Why an answer that was given is not there: it was purged, or its object is gone."""


class Word(Record):
    """What a caller says of an answer. That it may be learnt from is said by a person at the command line alone: a
    token may be a program's."""

    is_right: bool
    component: str | None = Field(default=None, max_length=253)
    cause: str | None = Field(default=None, max_length=200)
    """In words; `healthy` where nothing was wrong."""
    comment: str = Field(default="", max_length=2_000)


class Taken(Record):
    """What became of a webhook: nothing, if nothing in it fires."""

    submission: Submission | None


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]


@v1.post("/diagnoses", status_code=202)
def submit(asked: DiagnosisRequest, desk: TheDesk, who: Operator, response: Response) -> Submission:
    """Take a request; it is made in its turn."""
    submission = desk.submit(asked, who.name)
    response.headers["Location"] = f"/v1/diagnoses/{submission.id}"
    return submission


@v1.get("/diagnoses")
def list_(desk: TheDesk, _: Viewer, last: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[Submission]:
    """The newest requests."""
    return desk.newest(last)


@v1.get("/diagnoses/{id}")
async def show(id: Id, desk: TheDesk, _: Viewer, wait_s: WaitS = 0.0) -> Told:  # noqa: A002
    """State and answer; with `wait_s` as soon as it is over, or after that time."""
    return await _told(desk, id, wait_s)


@v1.delete("/diagnoses/{id}")
async def cancel(id: Id, desk: TheDesk, _: Operator, wait_s: WaitS = 10.0) -> Told:  # noqa: A002
    """End it early, and give back what it has come to by then."""
    await run_in_threadpool(desk.cancel, id)
    return await _told(desk, id, wait_s)


v1.post("/diagnoses/{id}/cancel", name="cancel_by_post")(cancel)


async def _listening(id: Id, request: Request, desk: TheDesk, _: Viewer) -> AsyncIterator[Submission]:  # noqa: A002
    """For as long as the stream is open. Raises, before it has begun: UnknownSubmission, QueueFull."""
    most, state = workspace().settings.serve.listeners, request.app.state
    if state.listeners >= most:
        raise QueueFull(f"{most} streams are open already, and no more may be (AOI_SERVE__LISTENERS)")
    state.listeners += 1  # nothing is awaited since it was compared
    try:
        yield await run_in_threadpool(desk.find, id)
    finally:
        state.listeners -= 1


@v1.get("/diagnoses/{id}/events", response_class=EventSourceResponse)
async def events(
    desk: TheDesk,
    heard: Annotated[Submission, Depends(_listening)],
    last_event_id: Annotated[str, Header(pattern=r"^[0-9]{0,9}$")] = "",
) -> AsyncIterator[ServerSentEvent]:
    """What happens, from the start or after `Last-Event-ID`, and at the end the result."""
    told = int(last_event_id or 0)
    async for now in _watched(desk, heard.id):
        for event in desk.told(heard.id, told):
            told += 1
            yield ServerSentEvent(data=event.model_dump(mode="json"), event=event.event, id=str(told))
        if now.is_over:
            result = await run_in_threadpool(_result, now)
            yield ServerSentEvent(data=result.model_dump(mode="json"), event="result")
            return
        if desk.is_draining and now.state == "queued":
            yield ServerSentEvent(data=now.model_dump(mode="json"), event="left")
            return


@v1.post("/alerts", status_code=202)
async def alerts(
    request: Request,
    desk: TheDesk,
    who: Operator,
    response: Response,
    cluster: Annotated[ClusterName | None, Query()] = None,
) -> Taken:
    """What Alertmanager posts to a webhook. The same alerts again, while they are looked into, are not asked twice."""
    body = await request.body()
    try:
        asked = await run_in_threadpool(_asked_by, body, cluster)
    except NothingFires:  # resolved: no error, or it would be sent again
        response.status_code = 200
        return Taken(submission=None)
    return Taken(submission=await run_in_threadpool(desk.submit_once, asked, who.name))


def _asked_by(body: bytes, cluster: str | None) -> DiagnosisRequest:
    """Raises: AlertUnreadable, NothingFires, UnknownCluster."""
    found = read_alerts(body)
    if cluster is None:
        known = registered()
        if len(known) != 1:
            raise AlertUnreadable(
                f"it does not say which of {len(known)} clusters it is about: name one in the URL of the webhook, "
                "/v1/alerts?cluster=NAME"
            )
        cluster = known[0].name
    return DiagnosisRequest(cluster=cluster, alerts=found[:MAX_ALERTS])


@v1.get("/clusters")
def clusters(_: Viewer) -> list[Place]:
    """Registered clusters."""
    return places()


@v1.get("/answers")
def list_answers(_: Viewer, last: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[GivenAnswer]:
    """The newest answers, whoever asked for them and how."""
    return answers.newest(last)


@v1.get("/answers/{name}")
def show_answer(name: AnswerName, _: Viewer) -> answers.Rated:
    """One answer as it was given, and what was said of it."""
    return answers.rated(name)


@v1.post("/answers/{name}/feedback", status_code=201)
def rate(name: AnswerName, word: Word, who: Operator) -> Feedback:
    """Say whether it was right; said again, it takes the place of what the same token had said."""
    return answers.rate(
        name,
        is_right=word.is_right,
        component=word.component,
        cause=word.cause,
        comment=word.comment,
        consent=False,
        author=f"serve:{who.name}",
    )


@v1.get("/status")
def show_status(_: Viewer) -> Status:
    """Champion, open cycle, requests that wait for a review, last report."""
    return status()


@v1.get("/openapi.json", include_in_schema=False)
def described(request: Request, _: Viewer) -> dict[str, Any]:
    """This API in OpenAPI's words."""
    app: FastAPI = request.app
    return app.openapi()


health = APIRouter()


@health.get("/healthz")
async def healthy() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@health.get("/readyz")
def ready(request: Request, desk: TheDesk) -> dict[str, str]:
    """The database answers, and requests are taken. Raises: DatabaseUnavailable, QueueFull."""
    if desk.is_draining:
        raise QueueFull("this server is about to end")
    tokens: TokenBook = request.app.state.tokens
    tokens.count()
    return {"status": "ok"}


@health.get("/metrics")
def metrics(request: Request, _: Viewer) -> Response:
    """For Prometheus."""
    known: Metrics = request.app.state.metrics
    return Response(known.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _told(desk: Desk, identity: str, wait_s: float) -> Told:
    ends_s = asyncio.get_running_loop().time() + wait_s
    async for now in _watched(desk, identity):
        if now.is_over or desk.is_draining or asyncio.get_running_loop().time() >= ends_s:
            break
    return await run_in_threadpool(_result, now)


async def _watched(desk: Desk, identity: str) -> AsyncIterator[Submission]:
    """A submission again and again, without end. Raises: UnknownSubmission."""
    while True:
        now = desk.held(identity)
        is_elsewhere = now is None  # another server makes it, or it was long ago: the database knows
        yield now or await run_in_threadpool(desk.find, identity)
        await asyncio.sleep(ELSEWHERE_S if is_elsewhere else POLL_S)


def _result(submission: Submission) -> Told:
    """Raises: StoreNotReadable, DatabaseUnavailable."""
    if not submission.answer:
        return Told(submission=submission, diagnosis=None)
    try:
        return Told(submission=submission, diagnosis=answers.rated(submission.answer).diagnosis)
    except CorruptObject as error:  # what became of the submission is known all the same
        return Told(submission=submission, diagnosis=None, trouble=trouble_of(error))


def application(desk: Desk, metrics: Metrics) -> FastAPI:
    """All of it, around a desk that is opened with it and closed with it."""

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(desk.open)
        yield
        await run_in_threadpool(desk.close)

    app = FastAPI(title="AOI", lifespan=living, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk, app.state.metrics, app.state.listeners = desk, metrics, 0
    app.state.tokens = TokenBook(workspace().database)
    metrics.watch(desk.counts)
    app.include_router(v1)
    app.include_router(health)
    problems.add_to(app)
    app.add_middleware(Bounded, metrics=metrics, admit=partial(refuse_unknown, app.state.tokens))
    return app
