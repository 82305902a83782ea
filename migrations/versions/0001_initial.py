"""The first schema: datasets, ensembles, runs, outcomes as bitmaps, and the views over them.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.frozen import run_scripts

revision = "0001"
down_revision = None

SCRIPTS = (
    "functions/bitslice_sum",
    "functions/bitslice_at_least",
    "functions/bitslice_histogram",
    "functions/bitslice_value",
    "functions/unslice",
    "functions/poisson_binomial",
    "views/counted_run",
    "views/ensemble_evaluation",
    "views/outcome",
    "views/run_accuracy",
    "views/run_progress",
    "views/block_history",
    "views/forgetting",
    "views/learning_block",
    "views/learning_order",
    "views/tp_block",
    "views/tp_agreement",
    "views/tp_agreement_histogram",
    "views/bimodality",
)


def upgrade() -> None:
    op.create_table('dataset',
    sa.Column('id', sa.Integer(), sa.Identity(always=True), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('num_classes', sa.Integer(), nullable=False),
    sa.Column('class_names', postgresql.ARRAY(sa.Text()), nullable=False, comment='Name of each class, by index.'),
    sa.Column('fingerprint', sa.Text(), nullable=False, comment='SHA-256 over the fingerprints of the splits.'),
    sa.Column('block_size', sa.Integer(), nullable=False, comment='Examples of a full block; a later version may lay out new datasets otherwise.'),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('block_size > 0 AND block_size % 8 = 0', name=op.f('dataset_block_size_check')),
    sa.CheckConstraint('num_classes BETWEEN 1 AND 65536', name=op.f('dataset_num_classes_check')),
    sa.PrimaryKeyConstraint('id', name=op.f('dataset_pkey')),
    sa.UniqueConstraint('name', name=op.f('dataset_name_key')),
    comment='A named labelled set with splits; a subset is a dataset of its own.'
    )
    op.create_table('ensemble',
    sa.Column('id', sa.Integer(), sa.Identity(always=True), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('dataset_id', sa.Integer(), nullable=False),
    sa.Column('spec', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='The recipe, whole.'),
    sa.Column('spec_digest', sa.Text(), nullable=False, comment='SHA-256 of the recipe.'),
    sa.Column('evaluations', sa.Integer(), nullable=False, comment='Evaluations of a complete run.'),
    sa.Column('total_steps', sa.Integer(), nullable=False, comment='Optimizer steps of a complete run.'),
    sa.Column('created_at', postgresql.TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['dataset_id'], ['dataset.id'], name=op.f('ensemble_dataset_id_fkey')),
    sa.PrimaryKeyConstraint('id', name=op.f('ensemble_pkey')),
    sa.UniqueConstraint('name', name=op.f('ensemble_name_key')),
    comment='N runs of one frozen recipe.'
    )
    op.create_index('ensemble_dataset_id_idx', 'ensemble', ['dataset_id'], unique=False)
    op.create_table('split',
    sa.Column('dataset_id', sa.Integer(), nullable=False),
    sa.Column('split', sa.Text(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False, comment='Number of examples.'),
    sa.Column('first_example', sa.Integer(), nullable=False, comment='example_id of position 0.'),
    sa.Column('first_block', sa.Integer(), nullable=False, comment='Block of position 0; no block spans splits.'),
    sa.Column('fingerprint', sa.Text(), nullable=False, comment='SHA-256 over content hash and label of every example, in order.'),
    sa.CheckConstraint('size > 0', name=op.f('split_size_check')),
    sa.ForeignKeyConstraint(['dataset_id'], ['dataset.id'], name=op.f('split_dataset_id_fkey'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('dataset_id', 'split', name=op.f('split_pkey')),
    comment='A part of a dataset; runs train on `train` and are scored on every split.'
    )
    op.create_table('block',
    sa.Column('dataset_id', sa.Integer(), nullable=False),
    sa.Column('block', sa.Integer(), nullable=False),
    sa.Column('split', sa.Text(), nullable=False),
    sa.Column('first_example', sa.Integer(), nullable=False, comment='example_id of slot 0.'),
    sa.Column('first_position', sa.Integer(), nullable=False, comment='Position in its split of slot 0.'),
    sa.Column('size', sa.Integer(), nullable=False, comment='Number of examples, hence of bits of each bitmap.'),
    sa.Column('label', postgresql.ARRAY(postgresql.BIT(varying=True)), nullable=False, comment='Label of each example as bit planes, least significant first.'),
    sa.CheckConstraint('size > 0', name=op.f('block_size_check')),
    sa.ForeignKeyConstraint(['dataset_id', 'split'], ['split.dataset_id', 'split.split'], name=op.f('block_dataset_id_fkey'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('dataset_id', 'block', name=op.f('block_pkey')),
    comment='A range of consecutive examples of one split: the unit of outcome storage.'
    )
    op.create_table('run',
    sa.Column('id', sa.Integer(), sa.Identity(always=True), nullable=False),
    sa.Column('ensemble_id', sa.Integer(), nullable=False),
    sa.Column('seed', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), server_default='queued', nullable=False),
    sa.Column('attempt', sa.Integer(), server_default='0', nullable=False, comment='Number of times a worker has claimed the run.'),
    sa.Column('max_attempts', sa.Integer(), server_default='3', nullable=False),
    sa.Column('cancel_requested', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Read by the worker at every evaluation.'),
    sa.Column('queue', sa.Text(), server_default='tracker', nullable=False, comment='Celery queue whose workers train the run.'),
    sa.Column('queued_at', postgresql.TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('sent_at', postgresql.TIMESTAMP(timezone=True), nullable=True, comment='When its message last went to the broker.'),
    sa.Column('started_at', postgresql.TIMESTAMP(timezone=True), nullable=True, comment='Start of the latest attempt.'),
    sa.Column('heartbeat_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('finished_at', postgresql.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('worker', sa.Text(), nullable=True, comment="host:pid of the latest attempt's worker."),
    sa.Column('step', sa.Integer(), server_default='0', nullable=False, comment='Optimizer steps done, as of the last heartbeat.'),
    sa.Column('examples_per_second', sa.Double(), nullable=True, comment='Training speed of the latest attempt, evaluations included.'),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('provenance', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='Versions, device and threads of the latest attempt.'),
    sa.CheckConstraint("state IN ('queued', 'running', 'complete', 'failed', 'cancelled')", name=op.f('run_state_check')),
    sa.CheckConstraint('attempt BETWEEN 0 AND max_attempts', name=op.f('run_attempt_check')),
    sa.ForeignKeyConstraint(['ensemble_id'], ['ensemble.id'], name=op.f('run_ensemble_id_fkey'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('run_pkey')),
    sa.UniqueConstraint('ensemble_id', 'seed', name=op.f('run_ensemble_id_key')),
    comment='One seed of an ensemble; this row is the truth about its state.'
    )
    op.create_index('run_state_idx', 'run', ['state'], unique=False, postgresql_where=sa.text("state IN ('queued', 'running')"))
    op.create_table('evaluation',
    sa.Column('run_id', sa.Integer(), nullable=False),
    sa.Column('evaluation', sa.Integer(), nullable=False, comment="Ordinal; the papers' e. 0 is the untrained network."),
    sa.Column('step', sa.Integer(), nullable=False, comment='Optimizer steps before it.'),
    sa.Column('epoch', sa.Double(), nullable=False, comment='Passes over the training set before it.'),
    sa.Column('train_loss', sa.Double(), nullable=True, comment='Mean training loss of the steps since the evaluation before.'),
    sa.Column('recorded_at', postgresql.TIMESTAMP(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('evaluation >= 0', name=op.f('evaluation_evaluation_check')),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('evaluation_run_id_fkey'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('run_id', 'evaluation', name=op.f('evaluation_pkey')),
    comment="A point of one run's training at which all examples were scored."
    )
    op.create_table('example',
    sa.Column('dataset_id', sa.Integer(), nullable=False),
    sa.Column('example_id', sa.Integer(), nullable=False, comment='Number within the dataset: splits follow each other.'),
    sa.Column('split', sa.Text(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False, comment='0-based place in its split.'),
    sa.Column('source_position', sa.Integer(), nullable=False, comment='Place in the split of the full dataset; differs in subsets.'),
    sa.Column('label', sa.Integer(), nullable=False),
    sa.Column('content_hash', sa.LargeBinary(), nullable=False, comment='BLAKE2b-128 of the picture without its label.'),
    sa.Column('block', sa.Integer(), nullable=False),
    sa.Column('slot', sa.Integer(), nullable=False, comment="Bit of the block's bitmaps that is this example's."),
    sa.ForeignKeyConstraint(['dataset_id', 'block'], ['block.dataset_id', 'block.block'], name=op.f('example_dataset_id_fkey'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('dataset_id', 'example_id', name=op.f('example_pkey')),
    sa.UniqueConstraint('dataset_id', 'block', 'slot', name='example_slot_key'),
    comment='One example, identified by (dataset, split, position) and by its content.'
    )
    op.create_index('example_content_hash_idx', 'example', ['content_hash'], unique=False)
    op.create_table('outcome_block',
    sa.Column('run_id', sa.Integer(), nullable=False),
    sa.Column('block', sa.Integer(), nullable=False),
    sa.Column('evaluation', sa.Integer(), nullable=False),
    sa.Column('correct', postgresql.BIT(varying=True), nullable=False, comment='One bit an example: was the predicted class the label?'),
    sa.Column('predicted', postgresql.ARRAY(postgresql.BIT(varying=True)), nullable=False, comment='Predicted class as bit planes, least significant first.'),
    sa.ForeignKeyConstraint(['run_id', 'evaluation'], ['evaluation.run_id', 'evaluation.evaluation'], name=op.f('outcome_block_run_id_fkey'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('run_id', 'block', 'evaluation', name=op.f('outcome_block_pkey')),
    comment='What one run said of one block of examples at one evaluation; append-only.'
    )
    run_scripts(revision, SCRIPTS)


def downgrade() -> None:
    # Nothing was there before: the functions and views go with the schema's tables.
    for script in reversed(SCRIPTS):
        kind, name = script.split("/")
        if kind == "views":
            op.execute(f"DROP VIEW {name}")
    op.execute("DROP AGGREGATE bitslice_sum(bit varying)")
    op.execute("DROP AGGREGATE bitslice_sum(bit varying[])")
    op.execute("DROP AGGREGATE bitslice_sum(bit varying, integer)")
    for name in (
        "bitslice_add(bit varying[], bit varying)",
        "bitslice_add(bit varying[], bit varying[])",
        "bitslice_add(bit varying[], bit varying, integer)",
        "bitslice_at_least",
        "bitslice_histogram",
        "bitslice_value",
        "unslice",
        "poisson_binomial",
    ):
        op.execute(f"DROP FUNCTION {name}")
    op.drop_table('outcome_block')
    op.drop_index('example_content_hash_idx', table_name='example')
    op.drop_table('example')
    op.drop_table('evaluation')
    op.drop_index('run_state_idx', table_name='run', postgresql_where=sa.text("state IN ('queued', 'running')"))
    op.drop_table('run')
    op.drop_table('block')
    op.drop_table('split')
    op.drop_index('ensemble_dataset_id_idx', table_name='ensemble')
    op.drop_table('ensemble')
    op.drop_table('dataset')
