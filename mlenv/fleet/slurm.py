"""An array job of Slurm that transcribes a list of recordings."""

from __future__ import annotations

import shlex
from pathlib import Path

from mlenv.environment.lockfile.profiles import Profile

# `--part` divides the list by the recordings' names, and each task names the transcripts as if it
# did the whole list: so no two tasks have one recording, nor two recordings one transcript, and a
# task that is run again finds what it has done. TERM ends a run of mlenv's after the file is safe.
TEMPLATE = """\
#!/bin/bash
# Array job of Slurm: transcribe the recordings of a list, in the environment of mlenv's profile
# {profile}. Each task does the part of the list that is its own. Once, on the login node:
#
#   mlenv install {spelled} --venv {venv}
#   mlenv models pull base --venv {venv}
#   find /archive -name '*.wav' > recordings.txt      (full paths, on a disk that all nodes see)
#   sbatch THIS_FILE
#
# Send it off again after a failure, or when the list has grown: what is done is skipped, and what
# is not whole is done again. A task ends with exit code 1 if one of its recordings could not be
# done, which its log names, after it has done the others:
#
#   grep -h ^error: transcribe-*.log                  (what failed, and why)
#   sbatch --array=3,7 THIS_FILE                      (only these parts once more)
#
# Set what stands between here and `Nothing below needs to be set`.
#SBATCH --job-name=transcribe
#SBATCH --output=transcribe-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --array=1-8%4
{gpu}#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@60
##SBATCH --partition=NAME
##SBATCH --account=NAME
# --array: parts 1 to N, %M of them at the same time. --mem: 1 GB, the model's weights, and 0.7 GB
# for each hour of the longest recording; speakers 1 GB more. --time: too short does no harm, the
# next job goes on. --output: Slurm makes no folder, and starts no task whose log has none.

parts=8                                # N of --array
list=${{LIST:-recordings.txt}}           # a path on each line
output=${{OUTPUT:-transcripts}}
options=({options})
export MLENV_VENV=${{MLENV_VENV:-{venv}}}

# Nothing below needs to be set.
set -euo pipefail
part=${{SLURM_ARRAY_TASK_ID:?this is an array job: start it with sbatch}}
if ((part < 1 || part > parts)); then
  echo "error: task $part is none of 1 to $parts: parts=$parts is not what --array says." >&2
  exit 2
fi
if ((SLURM_ARRAY_TASK_COUNT < parts)); then
  echo "note: this job does $SLURM_ARRAY_TASK_COUNT of $parts parts of $list" >&2
fi
attempt=$((${{SLURM_RESTART_COUNT:-0}} + 1))
echo "part $part of $parts on $(hostname), attempt $attempt, $(date)" >&2
export OMP_NUM_THREADS=${{OMP_NUM_THREADS:-${{SLURM_CPUS_PER_TASK:-1}}}}
exec mlenv exec transcribe --files-from "$list" --part "$part/$parts" --resume \\
  --output-dir "$output" --offline "${{options[@]}}"
"""
OPTIONS = "--model base --format txt,json"


def array_job(profile: Profile, venv: Path) -> str:
    """The job's script. `venv`: where the environment is on all nodes."""
    gpu = "#SBATCH --gres=gpu:1\n" if profile.machine.cuda else ""
    device = "cuda" if gpu else "cpu"
    return TEMPLATE.format(
        profile=profile.name,
        spelled=profile.spelled,
        venv=shlex.quote(str(venv)),
        gpu=gpu,
        options=f"--device {device} {OPTIONS}",
    )
