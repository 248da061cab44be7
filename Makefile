# The few verbs that people type. Everything finer is an invoke task: `.venv/bin/invoke --list`.
# ENV chooses the environment: `make deploy ENV=dev` uses terraform/environments/dev.tfvars.
ENV    ?=
PYTHON ?= python3
VENV   := .venv
INVOKE := $(VENV)/bin/invoke
READY  := $(VENV)/.ready
# The one that the tasks use.
TERRAFORM = $(shell $(VENV)/bin/python -c 'from scripts.provisioning.terraform_release import find; print(find())')

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint security soak gameday package bootstrap plan deploy retrain destroy bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  ENV=<name> chooses terraform/environments/<name>.tfvars, for plan, deploy, retrain, destroy."
	@echo "  Finer steps: $(INVOKE) --list"

setup: $(READY) ## Make the virtual environment and find or download Terraform
	@$(INVOKE) setup

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version). Try: make setup PYTHON=python3.12"; exit 1; }
	@echo "Installing the pinned dependencies into $(VENV) (once; about 2 GB)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $(READY)

demo: setup ## The whole workflow on this machine, no AWS account needed (KEEP=1 leaves it running)
	@$(INVOKE) demo $(if $(KEEP),--keep)

test: setup ## Unit, integration and end-to-end tests
	@$(INVOKE) test

lint: setup ## Formatting, types, Terraform's own checks
	@$(INVOKE) lint

security: setup ## Permissions, policies, configuration, workflow, known vulnerabilities
	@$(INVOKE) security

soak: setup ## Use the workflow hard: hostile uploads, repeated events, a failing endpoint
	@$(INVOKE) soak

gameday: setup ## Cause every fault for real, one after another, and see the safeguards work
	@$(INVOKE) gameday

package: setup ## Build the Lambda zips and the layer for AWS
	@$(INVOKE) package

bootstrap: setup ## Once for an AWS account: the bucket of Terraform's state, roles for GitHub (ACCOUNT, REPO)
	@$(TERRAFORM) -chdir=terraform/bootstrap init
	@$(TERRAFORM) -chdir=terraform/bootstrap apply -var "account_id=$(ACCOUNT)" \
	  $(if $(REGION),-var "region=$(REGION)") $(if $(REPO),-var "github_repository=$(REPO)")

plan: setup ## Show what a deployment would change, for review (ENV=dev, MARKDOWN=file)
	@$(INVOKE) plan --env "$(ENV)" $(if $(MARKDOWN),--markdown "$(MARKDOWN)")

deploy: setup ## Package, provision, stage, train, evaluate and deploy (ENV=dev)
	@$(INVOKE) deploy --env "$(ENV)"

retrain: setup ## Train again and canary the model if it is good enough (ENV=dev, ADD=folder)
	@$(INVOKE) retrain --env "$(ENV)" $(if $(ADD),--add "$(ADD)")

destroy: setup ## Remove everything of an environment, then show what is left (ENV=dev)
	@$(INVOKE) destroy --env "$(ENV)"

bench: setup ## Measure speed, memory and drift detection, into build/bench.json
	@$(INVOKE) bench

clean: ## Remove everything generated, but the virtual environment
	@rm -rf build .local/cloud
