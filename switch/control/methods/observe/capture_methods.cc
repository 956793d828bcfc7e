// The method that begins a capture.

#include <array>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/observe/captures.h"
#include "switch/control/methods/param_reader.h"

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr uint64_t kLeastSnapLength = 14;  // an Ethernet header

template <typename Number>
bool ReadInto(const json& value, Number& number) {
  if (!value.is_number_unsigned()) return false;
  const auto read = value.get<uint64_t>();
  number = static_cast<Number>(read);
  return read <= std::numeric_limits<Number>::max();
}

// An instruction is an array of code, jt, jf and k, as `tcpdump -ddd` prints them.
std::optional<PacketFilter> ReadFilter(const json& program) {
  if (!program.is_array() || program.size() > PacketFilter::kMaxInstructions) return std::nullopt;
  std::vector<PacketFilter::Instruction> instructions;
  for (const json& one : program) {
    PacketFilter::Instruction& read = instructions.emplace_back();
    const bool is_one = one.is_array() && one.size() == 4 && ReadInto(one[0], read.code) &&
                        ReadInto(one[1], read.if_true) && ReadInto(one[2], read.if_false) &&
                        ReadInto(one[3], read.k);
    if (!is_one) return std::nullopt;
  }
  return PacketFilter::Make(instructions);
}

MethodResult StartCapture(const MethodContext& context, const MethodCall& call) {
  json plain = call.params;
  plain.erase("filter");
  ParamReader reader(plain);
  const auto dev = reader.MaybeText("dev");
  const auto snap_length =
      reader.MaybeNumber("snaplen", kLeastSnapLength, Captures::kDefaultSnapLength);
  Captures::Wish wish{.count =
                          reader.MaybeNumber("count", 1, std::numeric_limits<uint64_t>::max())};
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (snap_length) wish.snap_length = static_cast<uint32_t>(*snap_length);
  if (const auto program = call.params.find("filter"); program != call.params.end()) {
    auto filter = ReadFilter(*program);
    if (!filter) {
      return absl::InvalidArgumentError(
          "filter: expected a program of classic BPF, an array of [code, jt, jf, k]");
    }
    wish.filter = *std::move(filter);
  }
  if (dev) {
    const auto port = context.control.FindPort(*dev);
    if (!port.ok()) return port.status();
    wish.port = *port;
  }
  if (context.captures.Has(call.client)) {
    return absl::FailedPreconditionError("this connection carries a capture already");
  }
  if (absl::Status started = context.captures.Start(call.client, std::move(wish)); !started.ok()) {
    return started;
  }
  context.publisher.Unsubscribe(call.client);  // events have no place in the stream
  return nullptr;
}

// It changes: forwarding threads filter and copy frames for it, clients share what captures may
// cost, and it shows what frames carry.
constexpr std::array kCaptureMethods{
    Method{"capture.start", MethodKind::kChanges, StartCapture, MethodUse::kOnlyByClients}};

}  // namespace

std::span<const Method> CaptureMethods() { return kCaptureMethods; }

}  // namespace tapswitch
