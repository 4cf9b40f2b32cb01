# SPDX-License-Identifier: Apache-2.0
"""What a run records, read by those it is for: TensorBoard's own readers and plugins,
prometheus_client and promtool, pandas. And what may happen to records on the way."""
import argparse
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

import numpy as np
import pandas
import yaml
from google.protobuf import text_format
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from safetensors.numpy import load_file
from tensorboard.backend.event_processing import (
    data_provider, plugin_event_accumulator, plugin_event_multiplexer)
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto import event_pb2
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.projector import projector_config_pb2, projector_plugin
from tensorboard.util import tensor_util

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import gasm_cli  # noqa: E402
from gasm_cli import STEPS, TrainCase  # noqa: E402
from wandb_bridge_test import BRIDGE, STUB  # noqa: E402

CLOCK = None  # library that sets the clock back all the time
EVERY = 5


def settings(folder):
    return {"log.histograms_every_steps": EVERY, "log.projector_samples": 10,
            "log.prometheus": folder / "run.prom", "train.eval_every_epochs": 2}


def board(run):
    """What TensorBoard has of a run, none of it thinned out."""
    found = plugin_event_accumulator.EventAccumulator(
        str(run.path), size_guidance={plugin_event_accumulator.TENSORS: 0})
    found.Reload()
    return found


def raw_values(run):
    """(step, value) of all summaries, before TensorBoard converts them."""
    for path in sorted(run.path.glob("events.out.tfevents.*")):
        for record in RawEventFileLoader(str(path)).Load():
            event = event_pb2.Event.FromString(record)
            for value in event.summary.value:
                yield event.step, value


def histograms(run, step):
    return {value.tag: value.histo for at, value in raw_values(run)
            if at == step and value.HasField("histo")}


def counted(histogram, values):
    """How many of `values` lie in each bucket, by comparison."""
    values = np.asarray(values, np.float64).ravel()
    limits = np.array(histogram.bucket_limit)
    below = [np.sum((values < limit) | ((values < 0) & (values == limit))) for limit in limits]
    return np.diff([0, *below])


class TensorBoard(TrainCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shown = gasm_cli.RunFolder(cls.folder / "runs/shown")
        cls.must(*cls.words("shown", settings(cls.folder)), ranks=2)
        cls.board = board(cls.shown)

    def test_scalars_are_the_curve(self):
        lines = [json.loads(line) for line in
                 (self.shown.path / "metrics.jsonl").read_text().splitlines()]
        for line in lines:
            for name, value in line["m"].items():
                found = [tensor_util.make_ndarray(event.tensor_proto).item() for event in
                         self.board.Tensors(f"{line['split']}/{name}")
                         if event.step == line["step"]]
                # The curve has nine digits, the event file a float.
                np.testing.assert_allclose(found, [value], rtol=2e-7, err_msg=f"{line} {name}")

    def test_what_is_shown_changes_no_digit(self):
        self.assertEqual(self.shown.lines("train"), self.undisturbed.lines("train"))

    def test_histograms_of_parameters_are_numpys(self):
        weights = load_file(self.shown.checkpoint(STEPS) / "model.safetensors")
        found = histograms(self.shown, STEPS)
        names = [tag.partition("/")[2] for tag in found if tag.startswith("parameters/")]
        self.assertGreater(len(names), 20)
        for name in names:
            values, histogram = weights[name], found["parameters/" + name]
            self.assertEqual(list(histogram.bucket), list(counted(histogram, values)), name)
            self.assertEqual(sum(histogram.bucket), values.size)
            self.assertEqual((histogram.min, histogram.max), (values.min(), values.max()))
            wide = values.astype(np.float64)
            np.testing.assert_allclose(histogram.sum, wide.sum(), rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(histogram.sum_squares, (wide ** 2).sum(), rtol=1e-9)
        steps = {step for step, value in raw_values(self.shown) if value.HasField("histo")}
        self.assertEqual(steps, set(range(EVERY, STEPS + 1, EVERY)))

    def assert_gradients_have_the_norm(self, run, tolerance=1e-5):
        for step, _, values in run.lines("train"):
            found = [h for tag, h in histograms(run, step).items()
                     if tag.startswith("gradients/")]
            if step % EVERY:
                self.assertEqual(found, [])
                continue
            norm = float(values["grad_norm"])
            np.testing.assert_allclose(np.sqrt(sum(h.sum_squares for h in found)),
                                       min(norm, 1.0), rtol=tolerance)  # optim.clip_norm

    def test_gradients_have_the_norm_of_the_curve(self):
        self.assert_gradients_have_the_norm(self.shown)

    def test_gradients_that_ranks_share_are_whole(self):
        alone, _ = self.train("alone", settings(self.folder), ranks=1)
        for ranks in (2, 3):
            run, _ = self.train(f"zero-{ranks}", {**settings(self.folder),
                                                  "parallel.zero1": "true"}, ranks=ranks)
            self.assert_gradients_have_the_norm(run)
            for step in range(EVERY, STEPS + 1, EVERY):
                mine, whole = histograms(run, step), histograms(alone, step)
                self.assertEqual(mine.keys(), whole.keys())
                for tag, histogram in mine.items():
                    self.assertEqual(list(histogram.bucket), list(whole[tag].bucket), tag)
                    self.assertEqual(list(histogram.bucket_limit),
                                     list(whole[tag].bucket_limit))
                    self.assertEqual((histogram.min, histogram.max),
                                     (whole[tag].min, whole[tag].max))

    def test_gradients_of_a_step_meant_for_gpus(self):
        os.environ["GASM_TEST_DEVICE_STEP"] = "1"
        self.addCleanup(os.environ.pop, "GASM_TEST_DEVICE_STEP")
        for zero in ("false", "true"):
            run, _ = self.train(f"device-{zero}", {**settings(self.folder),
                                                   "parallel.zero1": zero})
            self.assert_gradients_have_the_norm(run)

    def picture(self, tag):
        event = self.board.Tensors(tag)[-1]
        width, height, png = event.tensor_proto.string_val
        picture = Image.open(io.BytesIO(png))
        picture.load()
        self.assertEqual(picture.size, (int(width), int(height)))
        return np.asarray(picture.convert("RGB")), event.step

    def test_confusion_matrix_has_the_accuracy_on_its_diagonal(self):
        pixels, step = self.picture("val/confusion")
        self.assertEqual((pixels.shape, step), ((512, 512, 3), STEPS))
        # White to (8, 48, 107) by the share of the row's clips; 4 of each class.
        cells = pixels[64::128, 64::128].astype(float)
        shares = (255 - cells[..., 0]) / (255 - 8)
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=0.02)
        top1 = float(self.shown.lines("val")[-1][2]["mean_class_top1"])
        np.testing.assert_allclose(np.diag(shares).mean(), top1, atol=0.01)

    def test_frames_of_each_epochs_first_batch(self):
        pixels, _ = self.picture("train/frames")
        # 4 clips of 8 of the 12 frames, 4 pixels between them.
        self.assertEqual(pixels.shape[:2], (4 * 48 + 12, 8 * 64 + 28))
        self.assertGreater(pixels.std(), 5)
        self.assertEqual([event.step for event in self.board.Tensors("train/frames")],
                         list(range(0, STEPS, 3)))

    def text(self, tag):
        return self.board.Tensors(tag)[0].tensor_proto.string_val[0].decode()

    def test_texts(self):
        code = self.text("run/config").strip().strip("`")
        config = yaml.safe_load((self.shown.path / "config.yaml").read_text())
        self.assertEqual(yaml.safe_load(code), config)
        self.assertIn("parameters", self.text("run/model"))
        manifest = self.shown.manifest()
        for word in (manifest["gasm"]["commit"], manifest["config_digest"],
                     manifest["libraries"]["libtorch"]):
            self.assertIn(word, self.text("run/build"))
        self.assertEqual(self.board.SummaryMetadata("run/config").plugin_data.plugin_name,
                         "text")

    def test_hparams_compares_runs(self):
        self.train("slower", {"optim.lr": 1e-4, "train.eval_every_epochs": 2})
        self.train("failed", fault="throw:0:train:5", code=(1, 3, 4))
        logdir = self.folder / "hparams"
        logdir.mkdir()
        for name in ("shown", "slower", "failed"):
            (logdir / name).symlink_to(self.folder / "runs" / name)
        multiplexer = plugin_event_multiplexer.EventMultiplexer()
        multiplexer.AddRunsFromDirectory(str(logdir))
        for name in ("shown", "slower", "failed"):
            multiplexer.AddRun(str(logdir / name), name)
        multiplexer.Reload()
        context = backend_context.Context(base_plugin.TBContext(
            logdir=str(logdir), multiplexer=multiplexer,
            data_provider=data_provider.MultiplexerDataProvider(multiplexer, str(logdir))))
        metrics = ("val/top1", "train/loss")
        request = api_pb2.ListSessionGroupsRequest(
            start_index=0, slice_size=10, include_metrics=True,
            allowed_statuses=[0, 1, 2, 3],
            col_params=[api_pb2.ColParams(metric=api_pb2.MetricName(tag=tag))
                        for tag in metrics])
        groups = list_session_groups.Handler(
            RequestContext(), context, "", request).run().session_groups
        found = {group.name: group for group in groups}
        self.assertEqual(set(found), {"shown", "slower", "failed"})
        rates = {name: group.hparams["optim.lr"].number_value for name, group in found.items()}
        self.assertEqual(rates, {"shown": 1e-3, "slower": 1e-4, "failed": 1e-3})
        self.assertEqual(found["shown"].hparams["model.fusion.kind"].string_value, "bcast")
        self.assertTrue(found["shown"].hparams["model.fusion.cross_bias"].bool_value)
        statuses = {name: group.sessions[0].status for name, group in found.items()}
        self.assertEqual(statuses, {"shown": api_pb2.STATUS_SUCCESS,
                                    "slower": api_pb2.STATUS_SUCCESS,
                                    "failed": api_pb2.STATUS_FAILURE})
        top1 = {value.name.tag: value.value for value in found["shown"].metric_values}
        self.assertEqual(top1["val/top1"],
                         np.float32(self.shown.lines("val")[-1][2]["top1"]))
        experiment = hparams_metadata.parse_experiment_plugin_data(
            self.board.SummaryMetadata("_hparams_/experiment").plugin_data.content)
        self.assertIn("val/top1", [info.name.tag for info in experiment.metric_infos])
        self.assertEqual({info.name for info in experiment.hparam_infos},
                         set(found["shown"].hparams))

    def test_projector_shows_what_the_head_reads(self):
        path = self.shown.path / "projector_config.pbtxt"
        config = text_format.Parse(path.read_text(), projector_config_pb2.ProjectorConfig())
        embedding = config.embeddings[0]
        vectors = projector_plugin._read_tensor_tsv_file(
            str(self.shown.path / embedding.tensor_path))
        self.assertEqual(vectors.shape, tuple(embedding.tensor_shape))
        rows = pandas.read_csv(self.shown.path / embedding.metadata_path, sep="\t", dtype=str)
        self.assertEqual(list(rows), ["video", "label", "predicted", "is_right"])
        self.assertEqual(len(rows), 10)
        # The head is a linear layer: its best class is the one that stands there.
        weights = load_file(self.shown.checkpoint(STEPS) / "model.safetensors")
        scores = vectors @ weights["gasm_cast.head.weight"].T + weights["gasm_cast.head.bias"]
        ids = {}
        for best, name in zip(scores.argmax(axis=1), rows["predicted"]):
            self.assertEqual(ids.setdefault(best, name), name)
        self.assertEqual(len(set(ids.values())), len(ids))
        self.assertEqual(list(rows["is_right"] == "yes"),
                         list(rows["label"] == rows["predicted"]))

    def test_projector_is_the_same_on_any_number_of_ranks(self):
        alone, _ = self.train("alone-projector", settings(self.folder), ranks=1)
        for name in ("vectors", "metadata"):
            self.assertEqual((alone.path / f"projector/{name}.tsv").read_text(),
                             (self.shown.path / f"projector/{name}.tsv").read_text())

    def test_without_images_and_histograms(self):
        run, _ = self.train("plain", {"log.images": "false", "train.eval_every_epochs": 2})
        tags = {value.tag for _, value in raw_values(run)}
        self.assertIn("val/top1", tags)
        self.assertEqual({tag for tag in tags if tag.startswith(("parameters", "gradients"))
                          or tag in ("val/confusion", "train/frames")}, set())
        self.assertFalse((run.path / "projector_config.pbtxt").exists())

    def test_a_restart_takes_back_what_it_repeats(self):
        run, _ = self.train("again", {"checkpoint.every_steps": 5},
                            fault="kill:0:train:8", code=137)
        self.train("again", {"checkpoint.every_steps": 5})
        steps = [event.step for event in board(run).Tensors("train/loss")]
        self.assertEqual(steps, list(range(1, STEPS + 1)))


class Pandas(TrainCase):
    def test_reads_the_curve(self):
        frame = pandas.read_json(self.undisturbed.path / "metrics.jsonl", lines=True)
        train = frame[frame["split"] == "train"]
        self.assertEqual(list(train["step"]), list(range(1, STEPS + 1)))
        values = pandas.json_normalize(train["m"].tolist())
        self.assertEqual([f"{v:.9g}" for v in values["loss"]],
                         [f"{float(m['loss']):.9g}" for _, _, m in
                          self.undisturbed.lines("train")])
        self.assertTrue((values["clips_per_s"] > 0).all())


class Prometheus(TrainCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.file = cls.folder / "run.prom"
        cls.must(*cls.words("told", settings(cls.folder)), ranks=2)

    def families(self):
        return {family.name: family for family in
                text_string_to_metric_families(self.file.read_text())}

    def value(self, name, **labels):
        for sample in self.families()[name.removesuffix("_total")].samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
        raise AssertionError((name, labels))

    def test_figures_are_those_of_the_last_lines(self):
        run = gasm_cli.RunFolder(self.folder / "runs/told")
        _, epoch, train = run.lines("train")[-1]
        val = run.lines("val")[-1][2]
        for name, value in {"gasm_train_step": STEPS, "gasm_train_epoch": epoch,
                            "gasm_train_loss": train["loss"], "gasm_train_top1_ratio":
                            train["top1"], "gasm_train_learning_rate": train["lr"],
                            "gasm_validation_top1_ratio": val["top1"],
                            "gasm_validation_loss": val["loss"],
                            "gasm_last_checkpoint_step": STEPS}.items():
            self.assertAlmostEqual(self.value(name, run="told"), float(value), 7, name)
        self.assertEqual(self.value("gasm_run_info", run="told", ranks="2",
                                    version=run.manifest()["gasm"]["version"]), 1)
        self.assertEqual(self.value("gasm_run_state", state="done"), 1)
        self.assertEqual(self.value("gasm_run_state", state="running"), 0)
        for phase in ("forward", "backward", "optimizer", "exchange_wait", "record"):
            self.assertGreaterEqual(self.value("gasm_train_phase_seconds", phase=phase), 0)
        self.assertGreater(self.value("gasm_process_resident_memory_bytes"), 5e7)
        self.assertLess(abs(self.value("gasm_last_checkpoint_timestamp_seconds")
                            - time.time()), 600)

    def test_every_metric_has_help_type_and_run(self):
        for family in self.families().values():
            self.assertTrue(family.documentation, family.name)
            self.assertIn(family.type, ("gauge", "counter"), family.name)
            for sample in family.samples:
                self.assertEqual(sample.labels["run"], "told")

    def test_promtool_finds_nothing_wrong(self):
        promtool = shutil.which("promtool") or shutil.which(os.environ.get("GASM_PROMTOOL", ""))
        if not promtool:
            self.skipTest("no promtool here. Try tools/setup")
        done = subprocess.run([promtool, "check", "metrics"], input=self.file.read_text(),
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_alerts_are_counted_by_kind(self):
        run, _ = self.train("alerted", {**settings(self.folder), "train.max_skipped_steps": 3},
                            fault="nan:0:loss:3")
        num = sum(json.loads(line)["kind"] == "skipped_step" for line in
                  (run.path / "alerts.jsonl").read_text().splitlines())
        self.assertGreater(num, 0)
        self.assertEqual(self.value("gasm_alerts_total", kind="skipped_step"), num)
        self.must(*self.words("told", settings(self.folder)), ranks=2)  # as it was

    def test_a_place_that_cannot_be_written_is_refused_at_the_start(self):
        _, out = self.train("nowhere", {"log.prometheus": "/proc/no/run.prom"}, code=(1, 4))
        self.assertIn("Try another log.prometheus", out)


class Clock(TrainCase):
    def test_that_goes_back_breaks_nothing(self):
        sets = {"train.eval_every_epochs": 2, "log.prometheus": self.folder / "clock.prom",
                "checkpoint.every_minutes": 1e-5, "checkpoint.keep_last": STEPS}
        for stop in (8, None):
            job = gasm_cli.Job(self.words("clock", {**sets, "train.stop_after": stop}), 2,
                               {"LD_PRELOAD": CLOCK})
            code, out, _ = job.wait()
            self.assertEqual(code, 85 if stop else 0, out)
        run = gasm_cli.RunFolder(self.folder / "runs/clock")
        lines = [json.loads(line) for line in
                 (run.path / "metrics.jsonl").read_text().splitlines()]
        times = [line["t"] for line in lines]
        self.assertLess(times[5], times[0] - 60, "the clock did not go back")
        for line in lines:
            for name in SPEEDS & set(line["m"]):
                self.assertGreaterEqual(line["m"][name], 0, line)
        self.assertEqual(run.lines("train"), self.undisturbed.lines("train"))
        self.assertEqual(run.steps(), list(range(1, STEPS + 1)))  # no step takes so short a time
        shown = board(run)
        self.assertEqual([event.step for event in shown.Tensors("train/loss")],
                         list(range(1, STEPS + 1)))
        self.assertEqual(len(list(run.path.glob("events.out.tfevents.*"))), 2)


class Bridge(TrainCase):
    """The bridge to W&B beside a run: killed, it leaves the run as it was."""

    def test_its_death_does_not_touch_the_run(self):
        stub = self.folder / "stub"
        stub.mkdir()
        (stub / "wandb.py").write_text(STUB)
        service = self.folder / "service.jsonl"
        environment = dict(os.environ, PYTHONPATH=str(stub), STUB_SERVICE=str(service))
        run = gasm_cli.RunFolder(self.folder / "runs/bridged")
        job = self.start("bridged")
        self.wait_for_step(job, run, 1)
        follow = [sys.executable, BRIDGE, "--follow", "--poll", "0.02", run.path]
        for step in (5, 10):
            bridge = subprocess.Popen(follow, env=environment)
            self.wait_for_step(job, run, step)
            bridge.send_signal(signal.SIGKILL)
            bridge.wait()
        code, out, _ = job.wait()
        self.assertEqual(code, 0, out)
        self.assert_undisturbed(run)
        subprocess.run(follow, env=environment, check=True, timeout=60)
        told = [json.loads(line) for line in service.read_text().splitlines()]
        items = {item["n"]: item["values"] for item in told if "n" in item}
        steps = [items[n]["step"] for n in sorted(items) if "train/loss" in items[n]]
        self.assertEqual(steps, list(range(1, STEPS + 1)))


SPEEDS = {"clips_per_s", "data_wait", "forward_ms", "backward_ms", "record_ms",
          "checkpoint_ms", "read_gb_per_s", "load_ms", "queue_depth"}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--clock", required=True)
    options, rest = parser.parse_known_args()
    CLOCK = options.clock
    sys.argv[1:] = rest
    gasm_cli.main(__doc__)
