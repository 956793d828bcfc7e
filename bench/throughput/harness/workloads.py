"""All workloads. To add one, write a class with `series` and `run`, and append it here."""

from harness.frames import (Broadcast8, Broadcast64, Frames64, Frames1514, LearningRate,
                            ManyAddresses)
from harness.latencies import Latency, LatencyLoaded, LatencySleeping
from harness.requests import (Mixed, Paced2k, Paced20k, Paced100, RequestResponseTcp1,
                              RequestResponseTcp16, RequestResponseUdp1, RequestResponseUdp16)
from harness.searches import NO_LOSS, LearningCapacity, LearningRateSearch
from harness.streams import (Datagrams64, Datagrams1400, DatagramsGso, Mesh, TcpBidirectional,
                             TcpFour, TcpOne)

WORKLOADS = (
    TcpOne, TcpFour, TcpBidirectional, Datagrams64, Datagrams1400, DatagramsGso, Frames64,
    Frames1514, *NO_LOSS, Latency, LatencySleeping, LatencyLoaded, ManyAddresses, LearningRate,
    LearningRateSearch, LearningCapacity, Mesh, Broadcast8, Broadcast64, RequestResponseUdp1,
    RequestResponseUdp16, RequestResponseTcp1, RequestResponseTcp16, Paced100, Paced2k, Paced20k,
    Mixed)

# Those that have a goal, and the mixed one: they take some five minutes.
BY_DEFAULT = (
    TcpOne, TcpBidirectional, Mesh, Datagrams64, Frames64, Broadcast8, RequestResponseUdp1,
    RequestResponseUdp16, Paced2k, Paced20k, Mixed)
