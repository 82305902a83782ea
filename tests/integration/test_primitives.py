import time
from tests.conftest import Servers
from sqlalchemy import text


def test_a(engine):
    with engine.connect() as c:
        print(c.scalar(text("select 1")))


def test_b(engine):
    with engine.connect() as c:
        print(c.scalar(text("select 1")))


def test_c(connection):
    print(connection.scalar(text("select count(*) from run")))


def test_d(settings):
    pass


def test_e(settings):
    pass
