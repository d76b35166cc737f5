"""The API: the same maps as the library's, in every form, and words where there are none."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limelight import data, explain, list_methods, load
from limelight.explainer.layers import list_layers
from web.conftest import NAMES, Client, Site, picture, serving, values_of

METHODS = ["gradcam", "layercam", "scorecam", "ablationcam"]


def test_what_there_is_to_choose_from(site: Site) -> None:
    client = site.client
    (model,) = client.get("/api/models").json["models"]
    assert model["name"] == str(site.files[0]) and model["classes"] == NAMES
    layers = client.get(f"/api/models/{model['id']}/layers").json["layers"]
    known = [each for each in list_layers(site.classifiers[0]) if each.explainable]
    assert [(each["layer"], tuple(each["shape"]), each["automatic"]) for each in layers] == [
        (each.layer, each.shape, each.automatic) for each in known
    ]
    methods = client.get("/api/methods").json["methods"]
    assert [(m["name"], m["paper"], m["description"]) for m in methods] == [
        (m.name, m.paper, m.description) for m in list_methods()
    ]
    assert len(client.get("/api/examples").json["examples"]) == 6


def test_maps_are_those_of_the_library(site: Site) -> None:
    client, classifier = site.client, site.classifiers[0]
    image = picture(3, (90, 140))
    id = client.image(image)
    for target in (None, 4):
        answer = client.explain(id, *METHODS, target=target)
        assert answer.status == 200 and answer.json["state"] == "done"
        assert [told["method"] for told in answer.json["maps"]] == METHODS
        expected = explain(classifier, [image], METHODS, target=target)
        for told in answer.json["maps"]:
            maps = expected[told["method"]]
            np.testing.assert_allclose(
                values_of(told), maps.numpy()[0], rtol=1e-5, atol=1e-5 * maps.numpy().max()
            )
            assert told["layer"] == maps.layer
            assert told["target"] == int(maps.target[0]) and told["name"] == maps.names()[0]
            assert told["probability"] == pytest.approx(float(maps.probability[0]), rel=1e-5)
            assert told["diagnosis"] == maps.diagnosis[0]
            assert told["box"] == pytest.approx(maps.boxes(threshold=0.2)[0].tolist(), abs=1e-3)
            assert told["frame"]["original_size"] == [90, 140]


def test_the_ten_likeliest_classes(site: Site) -> None:
    image = picture(5)
    classes = site.client.explain(site.client.image(image)).json["classes"]
    scores = explain(site.classifiers[0], [image]).scores[0].numpy().astype(float)
    shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    assert [each["index"] for each in classes] == np.argsort(-scores).tolist()
    assert [each["probability"] for each in classes] == pytest.approx(sorted(shares)[::-1], 1e-4)
    assert [each["name"] for each in classes] == [NAMES[each["index"]] for each in classes]


def test_a_layer_by_its_path(site: Site) -> None:
    image = picture(6)
    told = site.client.explain(site.client.image(image), layer="block3.relu").json["maps"][0]
    maps = explain(site.classifiers[0], [image], layer="block3.relu")
    assert told["layer"] == "block3.relu"
    np.testing.assert_allclose(values_of(told), maps.numpy()[0], rtol=1e-5, atol=1e-9)


def test_options_are_the_library_s(site: Site) -> None:
    client, image = site.client, picture(6)
    id = client.image(image)
    options = {"fem": {"k": 1.0}, "finercam": {"base": "layercam", "gamma": 0.3}}
    plain = client.explain(id, "fem", "finercam").json["maps"]
    told = client.explain(id, "fem", "finercam", options=options).json["maps"]
    maps = explain(site.classifiers[0], [image], ["fem", "finercam"], options=options)
    for before, each in zip(plain, told, strict=True):
        assert before["options"] == {} and each["options"] == options[each["method"]]
        assert before["id"] != each["id"]
        raw = maps[each["method"]].numpy()[0]
        np.testing.assert_allclose(values_of(each), raw, rtol=1e-5, atol=1e-5 * raw.max())
        assert np.abs(values_of(before) - raw).max() > 1e-3 * raw.max()
    usual = client.explain(id, "finercam", options={"similar": 3, "gamma": 0.6}).json["maps"][0]
    assert usual["id"] == plain[1]["id"]  # said or not, it is the same


def test_boxes_are_cut_where_the_method_says(site: Site) -> None:
    image = picture(7)
    told = site.client.explain(site.client.image(image), "affinitycam", "gradcam").json["maps"]
    maps = explain(site.classifiers[0], [image], ["affinitycam", "gradcam"])
    assert [each["threshold"] for each in told] == [0.5, 0.2]
    for each in told:
        expected = maps[each["method"]].boxes()[0].tolist()
        assert each["box"] == pytest.approx(expected, abs=1e-3)
        again = site.client.get(f"/api/maps/{each['id']}.json").json
        assert (again["threshold"], again["box"]) == (each["threshold"], each["box"])


def test_what_the_model_does_not_allow(site: Site) -> None:
    told = site.client.get("/api/models/model-0/methods").json
    names = [method.name for method in list_methods()]
    assert sorted([*told["methods"], *told["refused"]]) == names
    id = site.client.image(picture(8))
    assert {"legrad", "rollout"} <= set(told["refused"]) and "gradcam" in told["methods"]
    for name, reason in told["refused"].items():
        assert site.client.explain(id, name).json["errors"] == {name: reason}
    assert site.client.get("/api/models/model-9/methods").status == 404


def test_downloads(site: Site) -> None:
    client = site.client
    image = picture(7, (80, 120))
    told = client.explain(client.image(image)).json["maps"][0]
    maps = explain(site.classifiers[0], [image])
    with np.load(io.BytesIO(client.get(f"/api/maps/{told['id']}.npz").content)) as stored:
        np.testing.assert_allclose(stored["values"], maps.numpy()[0], rtol=1e-5, atol=1e-9)
    shown = client.get(f"/api/maps/{told['id']}.png?alpha=0.3&colormap=viridis")
    assert shown.headers["content-type"] == "image/png"
    pixels = np.asarray(Image.open(io.BytesIO(shown.content))).astype(int)
    assert np.abs(pixels - maps.overlay([image], 0.3, "viridis")[0]).max() <= 1
    boxed = client.get(f"/api/maps/{told['id']}.png?alpha=0.3&colormap=viridis&threshold=0.4")
    assert (np.asarray(Image.open(io.BytesIO(boxed.content))) != pixels).any()
    as_json = client.get(f"/api/maps/{told['id']}.json?threshold=0.4").json
    assert as_json["box"] == pytest.approx(maps.boxes(threshold=0.4)[0].tolist(), abs=1e-3)
    assert as_json["values"] == told["values"]


def test_examples_are_those_of_the_data_set(site: Site) -> None:
    client = site.client
    example = data.open("digits", "test", count=6, cache=False)[4]
    told = client.get("/api/images/example-4").json
    assert (told["name"], told["label"]) == (example.id, str(example.label))
    assert told["boxes"] == example.boxes.tolist()
    found = client.explain("example-4").json["maps"][0]
    maps = explain(site.classifiers[0], [example.read()])
    np.testing.assert_allclose(values_of(found), maps.numpy()[0], rtol=1e-5, atol=1e-9)
    file = Image.open(io.BytesIO(client.get("/api/images/example-4/file").content))
    assert (np.asarray(file) == np.asarray(example.read())).all()


def test_previews_are_no_larger_than_asked(client: Client) -> None:
    id = client.image(picture(8, (600, 900)))
    for side, size, kind in ((300, (300, 200), "PNG"), (800, (800, 533), "JPEG")):
        answer = client.get(f"/api/images/{id}/preview?side={side}")
        shown = Image.open(io.BytesIO(answer.content))
        assert shown.size == size and shown.format == kind


def test_one_method_that_cannot_run_leaves_the_others(client: Client) -> None:
    answer = client.explain(client.image(picture(9)), "gradcam", "legrad", "layercam").json
    assert [told["method"] for told in answer["maps"]] == ["gradcam", "layercam"]
    assert list(answer["errors"]) == ["legrad"] and "attention" in answer["errors"]["legrad"]


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"image": "no"}, 404, "no such image"),
        ({"image": "example-99"}, 404, "no such image"),
        ({"image": "example-²"}, 404, "no such image"),
        ({"image": "../../etc/passwd"}, 404, "no such image"),
        ({"model": "../model"}, 404, "no such model"),
        ({"methods": ["gradcm"]}, 422, "did you mean 'gradcam'"),
        ({"methods": []}, 422, "methods"),
        ({"methods": ["gradcam", "cam", "layercam", "hirescam", "xgradcam"]}, 422, "at most 4"),
        ({"layer": "nowhere"}, 422, "no such layer"),
        ({"layer": "../x"}, 422, "no such layer"),
        ({"target": -1}, 422, "target"),
        ({"target": "top5"}, 422, "target"),
        ({"target": 10**30}, 422, "target"),
        ({"wait": float("nan")}, 422, "wait"),
        ({"options": {"samples": 3}}, 422, "no option 'samples'"),
        ({"options": {"sscam": {"samples": 3}}}, 422, "options for 'sscam'"),
        ({"options": {"gradcam": [3]}}, 422, "options"),
        ({"methods": ["sscam"], "options": {"samples": 2.5}}, 422, "takes a whole number of 1"),
        ({"methods": ["sscam"], "options": {"sigma": "wide"}}, 422, "but 'wide' was given"),
        ({"methods": ["sscam"], "options": {"sscam": {"seed": -1}}}, 422, "of 0 or more as seed"),
        ({"methods": ["sscam"], "options": {"samples": 10**9}}, 422, "at most 4096"),
        ({"file": "/etc/passwd"}, 422, "file"),
    ],
)
def test_what_is_refused(client: Client, asked: dict[str, Any], status: int, words: str) -> None:
    answer = client("POST", "/api/explain", {"image": "example-1", "wait": 5.0} | asked)
    assert answer.status == status, answer
    assert words in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "query",
    ["alpha=nan", "alpha=2", "threshold=-1", "threshold=inf", "colormap=../x", "colormap=no"],
)
def test_pictures_that_cannot_be_drawn(client: Client, query: str) -> None:
    id = client.explain("example-1").json["maps"][0]["id"]
    answer = client.get(f"/api/maps/{id}.png?{query}")
    assert answer.status == 422 and len(answer.json["error"]["message"]) < 300
    assert client.get(f"/api/maps/{id}.exe").status == 404
    assert client.get("/api/jobs/x?wait=nan").status == 422


def test_a_failure_of_the_server_is_said_and_logged(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> bytes:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("limelight.web.app.as_png", fail)
    answer = client.get("/api/images/example-1/file")
    assert answer.status == 500 and b"secret" not in answer.content
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret" in caplog.text


def test_a_class_that_the_model_does_not_have(client: Client) -> None:
    answer = client.explain("example-1", target=10).json
    assert answer["maps"] == [] and "10" in answer["errors"]["gradcam"]


def test_only_images_of_known_kinds_of_bodies(client: Client) -> None:
    for kind in ("text/html", "multipart/form-data; boundary=x", "application/json", ""):
        assert client.upload(b"x", kind).status == 415


@pytest.mark.keras
def test_a_keras_file_on_this_backend(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    from limelight.models.small_network import small_cnn

    file = tmp_path / "small.keras"
    small_cnn(5, "keras", (64, 64)).save(file)
    file.with_name("small.keras.limelight.json").write_text('{"preprocess": "0-1"}')
    image = picture(1, (100, 70))
    with serving([file]) as site:
        client = site.client
        told = client.explain(client.image(image), "gradcam", "ablationcam").json
        assert told["errors"] == {} and len(told["classes"]) == 5
        layers = client.get("/api/models/model-0/layers").json["layers"]
        assert any(each["automatic"] for each in layers)
    expected = explain(load(file), [image], ["gradcam", "ablationcam"])
    for each in told["maps"]:
        raw = expected[each["method"]].numpy()[0]
        np.testing.assert_allclose(values_of(each), raw, rtol=1e-4, atol=1e-4 * np.abs(raw).max())
