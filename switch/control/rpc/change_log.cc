#include "switch/control/rpc/change_log.h"

#include <utility>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr size_t kMostText = 300;

// The parameters as they came, but for a whole file, of which the name is enough.
nlohmann::json WithoutText(const nlohmann::json& params) {
  nlohmann::json shown = params;
  if (shown.is_object()) shown.erase("text");
  return shown;
}

std::string Shown(const nlohmann::json& params) {
  std::string text =
      WithoutText(params).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() > kMostText) text = text.substr(0, kMostText) + "...";
  return text;
}

}  // namespace

nlohmann::ordered_json ShowChange(const ControlPeer& peer, std::string_view method,
                                  const nlohmann::json& params) {
  return {{"method", method},
          {"params", WithoutText(params)},
          {"user", peer.uid},
          {"process", peer.pid}};
}

std::optional<std::string> ChangeLog::Line(const ControlPeer& peer, std::string_view method,
                                           const nlohmann::json& params, Clock::time_point now) {
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    in_second_ = 0;
  }
  if (++in_second_ > kMostAtOnce) {
    ++left_out_;
    return std::nullopt;
  }
  const uint64_t left_out = std::exchange(left_out_, 0);
  return fmt::format("{}user {}, process {}: {} {}",
                     left_out == 0 ? "" : fmt::format("({} changes are not listed) ", left_out),
                     peer.uid, peer.pid, method, Shown(params));
}

}  // namespace tapswitch
