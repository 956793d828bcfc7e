#include "switch/control/attach/interface_minder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ports/interface/netdev/netdev_device.h"
#include "ports/interface/netdev/netdev_options.h"
#include "ports/os/netns_name.h"
#include "ports/port_types.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

constexpr std::chrono::milliseconds kPeriod(500);

// The namespace as the user named it; empty: the port is in the switch's own.
std::string_view NetnsOf(const PortSpec& spec) {
  for (const PortOption& option : spec.options) {
    if (option.key == "netns" && option.value) return *option.value;
  }
  return {};
}

bool IsElsewhere(const PortConfig& port) {
  return InterfaceOriginOf(port.spec) != InterfaceOrigin::kNone && !NetnsOf(port.spec).empty();
}

}  // namespace

void InterfaceMinder::OnLinkState(const LinkStateEvent& event) {
  const std::string name = control_.NameOf(event.port);
  if (event.up) {
    waiting_.erase(name);
  } else {
    waiting_.insert(name);
  }
}

std::optional<std::chrono::milliseconds> InterfaceMinder::Wait() const {
  const auto& ports = control_.config().ports;
  if (waiting_.empty() && std::none_of(ports.begin(), ports.end(), IsElsewhere)) {
    return std::nullopt;
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_look_ - Clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

void InterfaceMinder::Step() {
  const auto wait = Wait();
  if (!wait || wait->count() > 0) return;
  next_look_ = Clock::now() + kPeriod;
  const std::vector<PortConfig> ports = control_.config().ports;  // it may change under way
  std::erase_if(homes_,
                [&](const auto& home) { return control_.config().port(home.first) == nullptr; });
  std::erase_if(waiting_,
                [&](const auto& name) { return control_.config().port(name) == nullptr; });
  for (const PortConfig& port : ports) {
    if (IsElsewhere(port) || waiting_.contains(port.spec.name)) Look(port);
  }
}

void InterfaceMinder::Look(const PortConfig& port) {
  if (InterfaceOriginOf(port.spec) == InterfaceOrigin::kForeign) {
    LookAtNetdev(port, NetnsOf(port.spec));
  } else if (IsElsewhere(port)) {
    LookAtOwn(port, NetnsOf(port.spec));
  } else {
    waiting_.erase(port.spec.name);
  }
}

void InterfaceMinder::LookAtNetdev(const PortConfig& port, std::string_view netns) {
  const std::string& name = port.spec.name;
  Home& home = HomeOf(port);
  if (!netns.empty() && !waiting_.contains(name)) {
    if (!home.netns) {
      const auto status = StatusOf(name);
      if (!status) return;
      if (status->ifindex != 0) {
        home.netns = status->netns;
      } else {
        waiting_.insert(name);  // it has not been there yet
      }
    }
    if (home.netns && WhereLeads(netns, *home.netns) == NetnsLead::kSame) return;
    const auto status = StatusOf(name);
    if (!status) return;
    home.netns.reset();
    // The port checks, finds its namespace gone, and releases it.
    if (status->ifindex != 0) {
      Tell({.netns = status->netns, .ifindex = status->ifindex, .name = name, .removed = true});
    }
    waiting_.insert(name);
  }
  const auto status = StatusOf(name);
  if (!status || status->ifindex != 0) {
    waiting_.erase(name);
    return;
  }
  home.netns.reset();
  const auto options = ParseNetdevOptions(port.spec);
  if (!options.ok() || !NetdevDevice::CanReturn(*options)) return;
  Tell({.netns = status->netns, .name = name});
}

void InterfaceMinder::LookAtOwn(const PortConfig& port, std::string_view netns) {
  const std::string& name = port.spec.name;
  Home& home = HomeOf(port);
  const bool waits = waiting_.contains(name);
  if (!waits && home.cookie) return;
  const auto found = NetworkNamespace::Open(netns);
  if (!found.ok()) return;
  const auto cookie = CookieOf(*found);
  if (!waits) {
    home.cookie = cookie;
    return;
  }
  const auto status = StatusOf(name);
  if (status && status->ifindex != 0) {
    waiting_.erase(name);
    return;
  }
  // In the namespace where it was, somebody has deleted it, and it stays deleted.
  if (home.cookie && cookie && cookie != home.cookie) MakeAgain(port);
}

void InterfaceMinder::MakeAgain(const PortConfig& port) {
  BridgeConfig wanted = control_.config();
  PortConfig* const again = wanted.port(port.spec.name);
  if (again == nullptr || again->opened != port.opened) return;
  ++again->opened;
  const absl::Status changed = control_.Change(wanted);
  if (changed.ok()) {
    waiting_.erase(port.spec.name);
    last_complaint_.clear();
    spdlog::info("port {}: its network namespace was made again, and so was its interface",
                 port.spec.name);
    return;
  }
  std::string complaint(changed.message());
  if (complaint != last_complaint_) spdlog::warn("{}; it is tried again", complaint);
  last_complaint_ = std::move(complaint);
}

InterfaceMinder::Home& InterfaceMinder::HomeOf(const PortConfig& port) {
  Home& home = homes_[port.spec.name];
  if (home.opened != port.opened) home = {.opened = port.opened};
  return home;
}

std::optional<PortStatus> InterfaceMinder::StatusOf(std::string_view port) const {
  const auto id = control_.FindPort(port);
  if (!id.ok()) return std::nullopt;
  return running_.commands.Call([&]() -> std::optional<PortStatus> {
    const Port* const found = running_.worker.port(*id);
    if (found == nullptr) return std::nullopt;
    return found->status();
  });
}

void InterfaceMinder::Tell(const LinkEvent& news) {
  running_.links.Report(news);
  running_.commands.Call([] {});  // by then the primary worker has acted upon it
}

}  // namespace tapswitch
