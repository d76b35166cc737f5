"""The HTTP API; docs/web.md describes it."""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from limelight._version import __version__
from limelight.methods import list_methods
from limelight.web.answering import Refusal
from limelight.web.asking import Explain, question_of
from limelight.web.describing import describe_method
from limelight.web.drawing import as_png, color_tables, preview
from limelight.web.explaining import Gallery, answer, show
from limelight.web.guard import Guard
from limelight.web.handlers import add_handlers, refusal_answer
from limelight.web.jobs import Job
from limelight.web.limits import Limits
from limelight.web.page import page_files
from limelight.web.pictures import Pictures
from limelight.web.served import Served

_UPLOAD = "/api/images"
_LATER = "private, max-age=3600"
_FINAL = ("done", "failed", "cancelled")
Result = TypeVar("Result")
Seconds = Annotated[float, Query(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]


def build_app(
    models: Sequence[Served], pictures: Pictures, host: str, limits: Limits, shown: dict[str, Any]
) -> Any:
    """The application.

    Args:
        models: what explains; the first is chosen where none is named.
        pictures: where images are kept, and the examples.
        host: the address that the server is bound to.
        limits: what is refused.
        shown: of the examples, for code that reads one again: the data set and its split.
    """
    return _Server(models, pictures, host, limits, shown).guarded()


class _Server:
    """What the routes share."""

    def __init__(
        self,
        models: Sequence[Served],
        pictures: Pictures,
        host: str,
        limits: Limits,
        shown: dict[str, Any],
    ) -> None:
        self._models = {served.id: served for served in models}
        self._pictures, self._limits, self._host, self._shown = pictures, limits, host, shown
        self._gallery = Gallery(limits.maps)
        self._jobs: OrderedDict[str, tuple[Served, Job]] = OrderedDict()
        self._uploads = 0
        # Decoding and drawing; what runs a model has a thread of its own.
        self._threads = ThreadPoolExecutor(2, "limelight-pictures")

    def guarded(self) -> Any:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.get("/api/models")(self.models)
        app.get("/api/models/{id}/layers")(self.layers)
        app.get("/api/models/{id}/methods")(self.allowed)
        app.get("/api/methods")(self.methods)
        app.get("/api/colormaps")(self.colormaps)
        app.get("/api/examples")(self.examples)
        app.post(_UPLOAD)(self.add_image)
        app.get("/api/images/{id}")(self.image)
        app.get("/api/images/{id}/preview")(self.preview)
        app.get("/api/images/{id}/file")(self.file)
        app.post("/api/explain")(self.explain)
        app.get("/api/jobs/{id}")(self.job)
        app.delete("/api/jobs/{id}")(self.cancel)
        app.get("/api/maps/{id}.{kind}")(self.map)
        for path, (content, kind) in page_files().items():
            app.get(path)(_file(content, kind))
        add_handlers(app)
        return Guard(app, refusal_answer, self._host, self._limits, _UPLOAD)

    # -- what there is ------------------------------------------------------------------------

    async def models(self) -> Any:
        """The models that were named at the start."""
        return {
            "limelight": __version__,
            "limits": {
                "upload_bytes": self._limits.upload_bytes,
                "pixels": self._limits.pixels,
                "methods": self._limits.methods,
            },
            "models": [served.describe() for served in self._models.values()],
        }

    async def layers(self, id: str) -> Any:
        """The layers of a model of which a map can be made."""
        return {"layers": (await self._ready(id)).layers}

    async def allowed(self, id: str) -> Any:
        """The methods that a model allows, and why it does not allow the others."""
        refused = (await self._ready(id)).refused
        allowed = [method.name for method in list_methods() if method.name not in refused]
        return {"methods": allowed, "refused": refused}

    async def methods(self) -> Any:
        """The methods, as they are declared."""
        return {"methods": [describe_method(method) for method in list_methods()]}

    async def colormaps(self) -> Any:
        """Colours for maps, from 0 to 1: 256 times red, green, blue, as base64."""
        return {"colormaps": color_tables()}

    async def examples(self) -> Any:
        """Images to choose from."""
        return {**self._shown, "examples": self._pictures.examples()}

    # -- images -------------------------------------------------------------------------------

    async def add_image(self, request: Request) -> Any:
        """Keep the image that is the body."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not kind.startswith("image/") and kind != "application/octet-stream":
            raise Refusal(
                415, f"the body must be an image file (Content-Type: image/…), not {kind[:40]!r}"
            )
        if self._uploads >= self._limits.uploads:
            raise Refusal(503, f"{self._uploads} images are being received; try again soon", 1)
        self._uploads += 1
        try:
            content = await request.body()
            id, image = await self._aside(self._pictures.add, content)
        finally:
            self._uploads -= 1
        return {"id": id, "width": image.width, "height": image.height}

    async def image(self, id: str) -> Any:
        """What is known of an image; of an example also its class and boxes."""
        image = await self._aside(self._pictures.get, id)
        return {"id": id, "width": image.width, "height": image.height, **self._truth(id)}

    async def preview(self, id: str, side: int = 1200) -> Response:
        """The image as the library sees it, no larger than `side`, as PNG or JPEG."""
        image = await self._aside(self._pictures.get, id)
        content, kind = await self._aside(preview, image, side)
        return Response(content, media_type=kind, headers={"cache-control": _LATER})

    async def file(self, id: str) -> Response:
        """The image as the library sees it, without loss, as PNG."""
        image = await self._aside(self._pictures.get, id)
        return Response(await self._aside(as_png, image), media_type="image/png")

    def _truth(self, id: str) -> dict[str, Any]:
        if not id.startswith("example-"):
            return {}
        example = self._pictures.example(id)
        names = self._shown["class_names"]
        label = example.label
        return {
            "name": example.id,
            "label": None if label is None else str(label) if names is None else names[label],
            "boxes": [[float(side) for side in box] for box in example.boxes],
        }

    # -- explanations -------------------------------------------------------------------------

    async def explain(self, asked: Explain) -> Response:
        """Begin an explanation, and wait for it as long as was asked."""
        served = self._model(asked.model or next(iter(self._models)))
        if asked.layer is not None:
            await _end(served.ready)
        question = question_of(asked, served.layers, self._limits)
        known = [self._gallery.find(question.id(served.id, name)) for name in question.methods]
        if None not in known:
            job = Job(lambda job: show(job, served, [each for each in known if each]))
            await self._aside(job.run)
        else:
            image = await self._aside(self._pictures.get, question.image)
            job = Job(lambda job: answer(job, served, question, image, self._gallery))
            served.worker.put(job)
        self._jobs[job.id] = served, job
        self._forget()
        return await self._state(job, asked.wait)

    async def job(self, id: str, wait: Seconds = 0.0) -> Response:
        """How far an explanation is, and what there is of it; waits for its end."""
        return await self._state(self._job(id)[1], wait)

    async def cancel(self, id: str) -> Response:
        """Stop an explanation."""
        served, job = self._job(id)
        served.worker.cancel(job)
        return await self._state(job, 0)

    async def map(
        self,
        id: str,
        kind: str,
        alpha: Share = 0.5,
        colormap: str = "jet",
        threshold: Share | None = None,
    ) -> Response:
        """A map as PNG, NPZ or JSON."""
        shown = self._gallery.get(id)
        if kind == "npz":
            return Response(await self._aside(shown.npz), media_type="application/octet-stream")
        if kind == "json":
            return JSONResponse(await self._aside(shown.describe, threshold))
        if kind == "png":
            image = await self._aside(self._pictures.get, shown.image)
            draw = functools.partial(shown.png, image, alpha, colormap, threshold)
            return Response(await self._aside(draw), media_type="image/png")
        raise Refusal(404, "a map comes as .png, .npz or .json")

    # -- shared -------------------------------------------------------------------------------

    async def _aside(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call `function` in another thread, so that other requests are served meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _model(self, id: str) -> Served:
        if id not in self._models:
            raise Refusal(404, "there is no such model")
        return self._models[id]

    async def _ready(self, id: str) -> Served:
        """A model that has been looked at."""
        served = self._model(id)
        await _end(served.ready)
        if served.ready.error is not None:
            raise Refusal(422, served.ready.error)
        return served

    def _job(self, id: str) -> tuple[Served, Job]:
        if id not in self._jobs:
            raise Refusal(404, "there is no such explanation any more")
        return self._jobs[id]

    def _forget(self) -> None:
        ended = [id for id, (_, job) in self._jobs.items() if job.state in _FINAL]
        for id in ended[: max(0, len(ended) - self._limits.jobs)]:
            del self._jobs[id]

    async def _state(self, job: Job, wait: float) -> Response:
        """The job as JSON: 200 where it has ended, 202 where it has not."""
        await _end(job, min(wait, self._limits.wait_seconds))
        ended = job.ended.done()
        done, total = job.progress
        body = {
            "id": job.id,
            "state": job.state,
            "progress": {"done": done, "total": total},
            "error": job.error,
            **job.results,
        }
        return JSONResponse(body, 200 if ended else 202)


async def _end(job: Job, seconds: float | None = None) -> None:
    """Wait for the end of `job`, no longer than `seconds`."""
    if not job.ended.done() and seconds != 0:
        await asyncio.wait([asyncio.wrap_future(job.ended)], timeout=seconds)


def _file(content: bytes, kind: str) -> Callable[[], Awaitable[Response]]:
    async def file() -> Response:
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    return file
