// What finishing a frame costs a port without offloads: the checksum, and cutting a 64 KiB frame.

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/segmentation.h"
#include "switch/forwarding/offload/validation.h"
#include "tests/support/ip_packet.h"

namespace tapswitch {
namespace {

void Checksum(benchmark::State& state) {
  const Bytes bytes(static_cast<size_t>(state.range(0)), std::byte{0x5A});
  for (auto _ : state) {
    ChecksumSum sum;
    sum.Add(bytes);
    benchmark::DoNotOptimize(sum.Checksum());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Checksum)->Arg(64)->Arg(1500)->Arg(65'000);

// The whole way from the header as it comes to the headers of all segments.
void Segmentation(benchmark::State& state, const IpPacket& packet, uint16_t gso_size) {
  const VirtioNetHeader claimed = GsoHeader(packet, gso_size);
  const Bytes frame = UnfinishedFrame(packet);
  std::array<std::byte, kMaxGsoHeaderSize> headers{};
  size_t segments = 0;
  for (auto _ : state) {
    const auto header = ValidateOffload(claimed, frame);
    const auto plan = PlanSegments(*header, frame);
    for (size_t i = 0; i < plan->count; ++i) {
      BuildSegmentHeaders(*header, frame, *plan, i, std::span(headers).first(plan->header_size));
      benchmark::DoNotOptimize(headers);
    }
    segments = plan->count;
  }
  state.counters["segments"] = static_cast<double>(segments);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(frame.size()));
}

constexpr size_t kTimestamps = 12;  // bytes of TCP options that Linux sends

BENCHMARK_CAPTURE(Segmentation, tcp4_64k,
                  IpPacket{.tcp_options = Bytes(kTimestamps), .payload = Bytes(65'160)}, 1448);
BENCHMARK_CAPTURE(Segmentation, tcp6_64k,
                  IpPacket{
                      .is_ipv6 = true, .tcp_options = Bytes(kTimestamps), .payload = Bytes(64'260)},
                  1428);
// Small segments: the cost of headers alone.
BENCHMARK_CAPTURE(Segmentation, udp4_32_of_18_bytes,
                  IpPacket{.is_udp = true, .payload = Bytes(32 * size_t{18})}, 18);

void ValidateGso(benchmark::State& state) {
  const IpPacket packet{.payload = Bytes(65'160)};
  const VirtioNetHeader claimed = GsoHeader(packet, 1448);
  const Bytes frame = UnfinishedFrame(packet);
  for (auto _ : state) benchmark::DoNotOptimize(ValidateOffload(claimed, frame));
}
BENCHMARK(ValidateGso);

}  // namespace
}  // namespace tapswitch
