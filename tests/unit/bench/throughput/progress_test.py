"""What a run says of itself meanwhile, and beforehand of the machine."""

import io
import unittest

import harness_fixture  # noqa: F401  (the way to the harness)
from harness.noise import Noise
from harness.peers import Bridge, Relay, Tapswitch
from harness.progress import Progress, clock, seconds_left
from harness.session import Patience, Session
from harness.workloads import BY_DEFAULT, Broadcast8, TcpOne


class Terminal(io.StringIO):
    def isatty(self):
        return True


class ProgressTest(unittest.TestCase):
    def test_a_time_as_a_clock_shows_it(self):
        self.assertEqual([clock(one) for one in (-1, 5, 65.4, 3723)],
                         ["0:00", "0:05", "1:05", "1:02:03"])

    def test_what_is_left_follows_the_plan_at_first_and_the_pace_later(self):
        self.assertEqual(seconds_left(100, 0, 0), 100)
        self.assertAlmostEqual(seconds_left(10_000, 5000, 10_000), 10_000, delta=50)
        self.assertLess(seconds_left(100, 2, 4), 110)
        self.assertEqual(seconds_left(100, 120, 100), 0)

    def say(self, stream):
        moments = iter((0, 0, 10))
        progress = Progress(2, 20, stream, lambda: next(moments))
        progress.begin("tcp1 of bridge")
        progress.end(10)
        progress.begin("tcp1 of tapswitch")
        progress.finish()
        return stream.getvalue()

    def test_a_line_for_each_step_where_it_is_no_terminal(self):
        self.assertEqual(self.say(io.StringIO()),
                         "1/2  0:00 gone, 0:20 left  tcp1 of bridge\n"
                         "2/2  0:10 gone, 0:10 left  tcp1 of tapswitch\n")

    def test_one_line_that_is_written_over_on_a_terminal(self):
        said = self.say(Terminal())
        self.assertNotIn("\n", said)
        self.assertTrue(said.endswith("\r\x1b[K"))


class PlanTest(unittest.TestCase):
    def session(self, workloads, peers, rounds=6):
        return Session(None, [one(None, 1.0) for one in workloads], peers, rounds,
                       Patience(0.1, 30), 3)

    def test_by_default_a_run_takes_some_five_minutes(self):
        self.assertLess(self.session(BY_DEFAULT, [Bridge, Tapswitch]).expected_seconds(), 300)

    def test_counts_what_takes_part(self):
        session = self.session([TcpOne, Broadcast8], [Bridge, Relay, Tapswitch], rounds=2)
        self.assertEqual(session.steps(), 2 * (3 + 2))  # a relay has two ports


class PatienceTest(unittest.TestCase):
    def test_is_that_of_the_whole_run(self):
        patience = Patience(0.1, 10)
        patience.spend(8)
        patience.spend(8)
        self.assertEqual(patience.left, 0)

    def test_says_what_was_disturbed(self):
        patience = Patience(0.1, 10)
        patience.count(0.05)
        self.assertEqual(patience.disturbances(), ())
        patience.count(0.5)
        self.assertIn("0.5 CPUs beside 1 of 2", patience.disturbances()[0])


class NoiseTest(unittest.TestCase):
    def test_a_steady_machine_is_no_reason_to_warn(self):
        steady = Noise({0: [0.1, 0.102], 1: [0.101, 0.1]}, 0.1, 0.2, 2)
        self.assertAlmostEqual(steady.spread_percent, 2)
        self.assertEqual(list(steady.warnings()), [])

    def test_warns_of_each_kind_of_noise(self):
        self.assertIn("50 % longer", next(Noise({0: [0.1, 0.15]}, 0, 0, 2).warnings()))
        self.assertIn("hypervisor", next(Noise({0: [0.1]}, 5, 0, 2).warnings()))
        self.assertIn("load average", next(Noise({0: [0.1]}, 0, 3, 2).warnings()))

    def test_a_processor_that_is_slower_than_the_other_counts(self):
        self.assertAlmostEqual(Noise({0: [0.1], 1: [0.2]}, 0, 0, 2).spread_percent, 100)


if __name__ == "__main__":
    unittest.main()
