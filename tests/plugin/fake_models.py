"""The fake worker's model manager: a registry is a folder of generators, and a checkpoint is a generator.

slow    a download waits for Cancel or for a file NAME.go in the registry's folder
fail    everything fails but ListModels

An index whose folder does not exist fails. A checkpoint named `radar...` has a range of radar, one that is no generator
is unknown. An import copies the checkpoint, and writes its job beside it as JSON.
"""

import json
import os
import shutil
import struct
import time

JOBS = ("ListModels", "DownloadModel", "VerifyModel", "RemoveModel", "InspectCheckpoint", "ImportModel")
BY_HAND = {
    "name": "elsewhere", "version": "1", "title": "Weights of others <b>", "licence": "ask them", "bands": ["B2", "B3"],
    "required_bands": ["B2", "B3"], "levels": ["L1C"], "sar": "required", "dates": "none", "state": "by-hand",
    "page": "https://example.org/weights", "path": "",
}  # fmt: skip


def folder():
    return os.environ["UNCLOUDED_MODELS"]


def entries(place, state):
    found = []
    for name in sorted(os.listdir(place)) if os.path.isdir(place) else []:
        if name.endswith(".safetensors"):
            path = os.path.join(place, name)
            facts = {"state": state, "size_bytes": os.path.getsize(path), "path": path if state == "installed" else ""}
            found.append({**read_card(path), **facts})
    return found


def read_card(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return json.loads(header["__metadata__"]["card"])


def list_models(job, say):
    if job["index"] and not os.path.isdir(job["index"]):
        return fail(job, say, f"The registry {job['index']} cannot be reached.")
    installed = entries(folder(), "installed")
    offered = {entry["name"]: entry for entry in entries(job["index"], "available")}
    for entry in installed:
        version = offered.pop(entry["name"], entry)["version"]
        entry["newer"] = version if version != entry["version"] else ""
    say("Models", id=job["id"], entries=[BY_HAND, *offered.values(), *installed])
    return say("Done", id=job["id"], output="")


def download(job, behaviour, say, stopped):
    source, target = (os.path.join(place, f"{job['name']}.safetensors") for place in (job["index"], folder()))
    if os.path.exists(target) and not job["overwrite"]:
        return fail(job, say, f"{target} exists already.")
    say("Progress", id=job["id"], fraction=0.4, stage=f"downloading {job['name']}", seconds_left=30.0)
    while behaviour == "slow" and not os.path.exists(f"{source[:-12]}.go"):
        if stopped():
            return fail(job, say, "Cancelled.", "cancelled")
        time.sleep(0.02)
    os.makedirs(folder(), exist_ok=True)
    return copy(job, source, target, say)


def inspect(job, say):
    tensors = [{"name": "conv.weight", "shape": [64, 3, 3, 3]}, {"name": "conv.bias", "shape": [64]}]
    try:
        card = read_card(job["checkpoint"])
    except (ValueError, struct.error):
        say("Checkpoint", id=job["id"], kind="", title="Expected weights, found text.", tensors=tensors, tensor_count=2)
        return say("Done", id=job["id"], output="")
    name = os.path.basename(job["checkpoint"])[:-12]
    choices = {"optical_range": [-1.0, 1.0], "optical_limit": 1.0}
    if name.startswith("radar"):
        choices["sar_range"] = [0.0, 2.0]
    defaults = {"name": name, "bands": card["bands"], "choices": choices, "levels": ["L2A"], "licence": "BSD"}
    say(
        "Checkpoint", id=job["id"], kind="fake", title="A fake network of fakes", tensors=tensors, tensor_count=5,
        defaults=defaults, in_bands=len(card["bands"]),
    )  # fmt: skip
    return say("Done", id=job["id"], output="")


def convert(job, say):
    os.makedirs(folder(), exist_ok=True)
    output = job["output"] or os.path.join(folder(), f"{job['name']}.safetensors")
    with open(f"{output}.json", "w") as file:
        json.dump(job, file)
    return copy(job, job["checkpoint"], output, say)


def copy(job, source, output, say):
    shutil.copyfile(source, output)
    return say("Done", id=job["id"], output=output)


def fail(job, say, message, code="model"):
    return say("Failed", id=job["id"], code=code, message=message, hint="Choose another.")


def work(job, behaviour, say, stopped):
    kind = job["type"]
    if kind == "ListModels":
        return list_models(job, say)
    if behaviour == "fail":
        return fail(job, say, "Its hash is another one.")
    if kind == "DownloadModel":
        return download(job, behaviour, say, stopped)
    if kind == "InspectCheckpoint":
        return inspect(job, say)
    if kind == "ImportModel":
        return convert(job, say)
    if kind == "RemoveModel":
        os.remove(job["model"])
    return say("Done", id=job["id"], output=job["model"])
