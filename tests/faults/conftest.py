# SPDX-License-Identifier: Apache-2.0
"""What every test here needs: the figures of a run belong into its output, also when all is well."""


def pytest_terminal_summary(terminalreporter):
    from account import figures
    for line in figures:
        terminalreporter.write_line(line)
