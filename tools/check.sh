#!/bin/bash
# Runs all checks, also after one has failed, and says which did.
set -u
bin=$PWD/.venv/bin
shipped=(__init__.py backend plugin)
failed=()
check() {
    local name=$1
    shift
    printf '\033[1m==>\033[0m %s\n' "$name"
    "$@" || failed+=("$name")
}
types() {
    # The checkout's folder may have any name; mypy wants the package's.
    mkdir -p .cache/root && ln -sfn ../.. .cache/root/unclouded
    (cd .cache/root && "$bin/mypy" --config-file unclouded/pyproject.toml -p unclouded.backend -p unclouded.plugin)
}
security() {
    # Bandit takes the words of a reason for names of rules, and says so for each.
    "$bin/bandit" --quiet --recursive "${shipped[@]}" 2> >(grep -v 'Test in comment' >&2)
}
check "style (ruff)" "$bin/ruff" check --quiet .
check "format (ruff)" "$bin/ruff" format --check --quiet .
check "types (mypy)" types
check "import rules (import-linter)" "$bin/lint-imports" --no-logo
check "security (bandit, all rules)" security
check "repository" "$bin/python" tools/check_repository.py
if [ ${#failed[@]} != 0 ]; then
    printf 'Failed: %s\n' "${failed[@]}" >&2
    exit 1
fi
