#include "switch/control/methods/tables/fdb_json.h"

#include <array>
#include <charconv>
#include <utility>

#include "switch/control/config/ip_text.h"
#include "switch/control/evpn/overlay.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

std::string Quoted(const std::string& text) {
  return ordered_json(text).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void AppendNumber(uint64_t number, std::string& text) {
  std::array<char, 20> digits{};
  auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  text.append(digits.data(), end);
}

std::string_view FlagsOf(const MacEntry& entry) {
  if (entry.locked) return R"(["locked"])";  // learned, so never one of the others
  if (entry.sticky) return entry.extern_learn ? R"(["sticky","extern_learn"])" : R"(["sticky"])";
  return entry.extern_learn ? R"(["extern_learn"])" : "[]";
}

}  // namespace

FdbJson::FdbJson(const BridgeControl& control, std::optional<Tick> now, const Overlay* overlay)
    : control_(control), now_(now), overlay_(overlay) {}

const FdbJson::Frame& FdbJson::FrameOf(const MacEntry& entry) {
  constexpr std::array<std::string_view, 3> kStates{"", "static", "permanent"};
  const uint32_t flags =
      (entry.locked ? 16U : 0U) | (entry.sticky ? 2U : 0U) | (entry.extern_learn ? 1U : 0U);
  const uint32_t key =
      uint32_t{entry.port.value} << 8U | static_cast<uint32_t>(entry.state) << 2U | flags;
  const auto [found, is_new] = frames_.try_emplace(key);
  Frame& frame = found->second;
  if (!is_new) return frame;
  frame.name = R"(","ifname":)" + Quoted(control_.NameOf(entry.port));
  frame.rest = R"(,"flags":)" + std::string(FlagsOf(entry)) + R"(,"master":)" +
               Quoted(control_.identity().name) + R"(,"state":")" +
               std::string(kStates[static_cast<size_t>(entry.state)]) + "\"}";
  return frame;
}

void FdbJson::Append(const MacEntry& entry) {
  const Frame& frame = FrameOf(entry);
  text_ += text_.size() == 1 ? R"({"mac":")" : R"(,{"mac":")";
  entry.address.AppendTo(text_);
  text_ += frame.name;
  if (entry.vlan != kNoVlan) {
    text_ += R"(,"vlan":)";
    AppendNumber(entry.vlan.value, text_);
  }
  if (now_) {
    // The kernel also knows when an entry was last the destination of a frame; here nothing is
    // written for that, and both are the source's.
    const uint64_t seen = entry.last_seen.centiseconds;
    const uint64_t age = now_->centiseconds < seen ? 0 : (now_->centiseconds - seen) / 100;
    text_ += R"(,"used":)";
    AppendNumber(age, text_);
    text_ += R"(,"updated":)";
    AppendNumber(age, text_);
  }
  const auto vtep = overlay_ == nullptr ? std::nullopt : overlay_->VtepOf(entry);
  if (vtep) text_ += R"(,"remote":")" + IpAddressText(*vtep) + '"';
  text_ += frame.rest;
}

std::string FdbJson::Finish() {
  text_ += ']';
  return std::move(text_);
}

ordered_json ShowEntry(const BridgeControl& control, const MacEntry& entry) {
  FdbJson list(control, std::nullopt);
  list.Append(entry);
  auto shown = ordered_json::parse(list.Finish(), nullptr, /*allow_exceptions=*/false);
  return shown.is_array() ? shown.front() : shown;
}

}  // namespace tapswitch
