# SPDX-License-Identifier: Apache-2.0
"""Routes that are changed while records keep coming: each change takes effect, and no record is lost or doubled by it."""
from conftest import wait_for
from pipeline import Pipeline, figure, times
from pipeline_load import TABLES


def routes(mark):
    """processing.routes that write this mark into every row."""
    select = f"SELECT id, price, time, '{mark}' AS exchange, event_id FROM tick"
    return "processing:\n  routes:\n" + "".join(
        f'    - {{topic: {topic}, table: {table}, select: "{select}"}}\n' for topic, table in TABLES.items()
    )


def test_routes_changed_under_a_steady_load(fdp, kafka, postgres):
    pipeline, changes = Pipeline(fdp, kafka, postgres), times(4, 40)
    file = fdp.folder / "fdp.yaml"
    file.write_text(routes("mark 0"))

    def rows(mark):
        return postgres.psql("SELECT COUNT(*) FROM finance_data_ingress WHERE exchange = %s", mark)[0][0]

    pipeline.worker("--config", file)
    # So slow that each record is stored before the next comes, and so fast that the worker is never idle.
    with pipeline.load.running(50):
        pipeline.progress(10)
        for change in range(1, changes + 1):
            mark = f"mark {change % 3}"  # that of the start comes back
            before = rows(mark)
            file.write_text(routes(mark))
            wait_for(lambda: rows(mark) > before, f"rows with {mark}")
    figure(f"{pipeline.finish()} over {changes} changes of the routes")
