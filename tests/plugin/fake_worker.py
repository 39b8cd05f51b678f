"""A worker that speaks the protocol and removes no cloud; run as `python fake_worker.py BEHAVIOUR`.

normal     writes the optical file's bytes to the outputs
clear      like normal, but finds no cloud and warns
slow       like normal, but waits for a file `OUTPUT.go`; obeys Cancel
hang       leaves half an output, then ignores Cancel, Ping and the end of its input
die        leaves half an output, writes to stderr and exits with 3 in the middle of a job
die-once   dies in the first job of the first life (a file `died` beside the output marks it), then is normal
fail       fails each job with a message and a hint
old        speaks protocol 0
loading    says hello and is never ready, unless the file of the second argument exists; makes it
mute       never says hello
broken     says that it cannot load its libraries, and leaves
babble     writes text to standard output
noisy      like normal, with much text on standard error
idle       says hello and leaves with 0 when the first job comes, as if its idle time were over; then is normal

An evaluation says a table, writes a page and copies the result to the raster of errors. A training copies the generator
from which it starts. `slow`: it waits for Cancel, takes longer then than other jobs may, and keeps the copy.
For the jobs of the model manager see fake_models.py.
"""

import json
import os
import shutil
import sys
import threading
import time

import fake_models

BEHAVIOUR = sys.argv[1]
CARDS = [{"name": "tiny", "title": "Tiny generator", "path": "/models/tiny.safetensors", "sar": "optional"}]
QUALITY = {"rim_step": 0.004, "rim_bias": 0.001, "sharpness_ratio": 0.55, "mean_uncertainty": 0.021}
cancelled = set()
changed = threading.Condition()
jobs = []
closed = False


def say(kind, /, **fields):
    sys.stdout.write(json.dumps({"type": kind, **fields}) + "\n")
    sys.stdout.flush()


def listen():
    global closed
    for line in sys.stdin:
        message = json.loads(line)
        with changed:
            if message["type"] == "Cancel":
                cancelled.add(message["id"])
            elif message["type"] == "Ping":
                if BEHAVIOUR != "hang":
                    say("Pong", id=message["id"])
            else:
                jobs.append(message)
            changed.notify_all()
    with changed:
        closed = True
        changed.notify_all()


def leave_half(job):
    folder, name = os.path.split(job["output"])
    partial = os.path.join(folder, f".{name}.part")
    os.makedirs(partial)
    with open(os.path.join(partial, "half.tif"), "w") as file:
        file.write("half")
    return partial


def finish(job):
    outputs = {key: job.get(key) for key in ("output", "mask_output", "uncertainty_output") if job.get(key)}
    source = job.get("optical") or job.get("clear")
    for path in outputs.values():
        shutil.copyfile(source, path)
    share = 0.0 if BEHAVIOUR == "clear" else 0.25
    quality = {"reconstructed_share": share, **(QUALITY if share else {})} if job["type"] == "RemoveClouds" else None
    say("Done", id=job["id"], cloud_fraction=share, quality=quality, **outputs)


def stopped(job):
    return closed or job["id"] in cancelled


def wait_for_leave(job):
    partial = leave_half(job)
    with changed:
        while not stopped(job) and not os.path.exists(job["output"] + ".go"):
            changed.wait(0.05)
    shutil.rmtree(partial)


def train(job):
    for epoch in (1, 2):
        say("Progress", id=job["id"], fraction=epoch / 3, stage=f"epoch {epoch} of 2")
        say("Losses", id=job["id"], epoch=epoch, values={"l1": 0.5 / epoch})
        say("Log", id=job["id"], level="info", text=f"Epoch {epoch} of 2: l1 {0.5 / epoch}.")
    if BEHAVIOUR == "slow":
        with changed:
            changed.wait_for(lambda: stopped(job))
        time.sleep(1.0)
    shutil.copyfile(job["start_from"], job["output"])
    if BEHAVIOUR == "slow":
        hint = f"The best generator so far was kept: {job['output']}"
        return say("Failed", id=job["id"], code="cancelled", message="Cancelled.", hint=hint, kept=job["output"])
    return say("Done", id=job["id"], output=job["output"])


def evaluate(job):
    say("Log", id=job["id"], level="info", text="Reconstruction\nimage      MAE  PSNR (dB)\nresult  0.0200      30.00")
    with open(job["output"], "w") as file:
        file.write("<html>report</html>")
    if job["error_output"]:
        shutil.copyfile(job["result"], job["error_output"])
    figures = {"mae": 0.02, "rmse": 0.03, "psnr": 30.0, "ssim": 0.9}
    return say("Done", id=job["id"], output=job["output"], error_output=job["error_output"], figures=figures)


def work(job):
    marker = os.path.join(os.path.dirname(job["output"]), "died")
    say("Log", id=job["id"], level="info", text="Bands were named by their count.")
    if BEHAVIOUR == "clear":
        say("Log", id=job["id"], level="warning", text="The darkest pixels are near 1000.")
    if BEHAVIOUR == "fail":
        return say("Failed", id=job["id"], code="no-data", message="All is nodata.", hint="Choose another area.")
    say("Estimate", id=job["id"], seconds=90.0, disk_bytes=3_500_000, cloud_fraction=0.25)
    say("Progress", id=job["id"], fraction=0.5, stage="reconstructing", seconds_left=45.0)
    if BEHAVIOUR == "hang":
        leave_half(job)
        while True:
            time.sleep(60)
    if BEHAVIOUR == "die" or (BEHAVIOUR == "die-once" and not os.path.exists(marker)):
        leave_half(job)
        open(marker, "w").close()
        sys.stderr.write("first words\nlast words\n")
        sys.stderr.flush()
        os._exit(3)
    if job["type"] == "EvaluateResult":
        return evaluate(job)
    if job["type"] == "TrainGenerator":
        return train(job)
    if BEHAVIOUR == "slow":
        wait_for_leave(job)
    if job["id"] in cancelled:
        return say("Failed", id=job["id"], code="cancelled", message="Cancelled.", hint="Nothing was written.")
    return finish(job)


def main():
    if BEHAVIOUR == "mute":
        time.sleep(600)
    if BEHAVIOUR == "babble":
        sys.stdout.write("Welcome!\n")
    if BEHAVIOUR == "noisy":
        sys.stderr.write("warning: noise\n" * 50_000)
    say("Hello", protocol=0 if BEHAVIOUR == "old" else 4, version="0.1.0")
    if BEHAVIOUR == "loading" and not os.path.exists(sys.argv[2]):
        open(sys.argv[2], "w").close()
        time.sleep(600)
    if BEHAVIOUR == "broken":
        say("Failed", id="", code="backend", message="The libraries cannot be loaded.", hint="Install them again.")
        return
    say("Ready", devices=[{"name": "cpu", "label": "Processor"}], models=CARDS)
    threading.Thread(target=listen, daemon=True).start()
    while True:
        with changed:
            changed.wait_for(lambda: jobs or closed)
            if closed:
                return
            job = jobs.pop(0)
        if BEHAVIOUR == "idle" and not os.path.exists(job["output"] + ".slept"):
            open(job["output"] + ".slept", "w").close()
            return
        if job["type"] in fake_models.JOBS:
            fake_models.work(job, BEHAVIOUR, say, lambda job_id=job["id"]: closed or job_id in cancelled)
        else:
            work(job)


main()
