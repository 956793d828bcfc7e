#include "switch/control/config/vlan_edit.h"

#include <algorithm>
#include <charconv>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

std::optional<VlanId> ParseVlan(std::string_view text) {
  uint16_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc() || at != end) return std::nullopt;
  const VlanId vlan{number};
  if (vlan < kLeastVlan || vlan > kMostVlan) return std::nullopt;
  return vlan;
}

void ForEachIn(VlanRange range, auto&& visit) {
  for (uint16_t id = range.first.value; id <= range.last.value; ++id) visit(VlanId{id});
}

auto FindException(VlanId vlan, auto& exceptions) {
  return std::lower_bound(exceptions.begin(), exceptions.end(), vlan,
                          [](const VlanForwarding& one, VlanId id) { return one.vlan < id; });
}

// As it is without an exception, and so are most.
VlanForwarding ForwardingIn(VlanId vlan, const PortVlans& vlans) {
  const auto found = FindException(vlan, vlans.exceptions);
  if (found == vlans.exceptions.end() || found->vlan != vlan) return {.vlan = vlan};
  return *found;
}

bool AreAlike(VlanId a, VlanId b, const PortVlans& vlans) {
  VlanForwarding first = ForwardingIn(a, vlans);
  const VlanForwarding second = ForwardingIn(b, vlans);
  first.vlan = b;
  return first == second && vlans.untagged.contains(a) == vlans.untagged.contains(b) &&
         a != vlans.pvid && b != vlans.pvid;
}

}  // namespace

absl::StatusOr<VlanRange> ParseVlanRange(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = ParseVlan(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : ParseVlan(text.substr(dash + 1));
  if (first && last && *first <= *last) return VlanRange{*first, *last};
  return absl::InvalidArgumentError(
      fmt::format("vid '{:.100}': expected a number from {} to {}, or a list such as 10,20,30-40",
                  text, kLeastVlan.value, kMostVlan.value));
}

absl::StatusOr<std::vector<VlanRange>> ParseVlanList(std::string_view text) {
  std::vector<VlanRange> list;
  for (bool has_more = true; has_more;) {
    const size_t comma = text.find(',');
    const auto range = ParseVlanRange(text.substr(0, comma));
    if (!range.ok()) return range.status();
    list.push_back(*range);
    has_more = comma != std::string_view::npos;
    if (has_more) text.remove_prefix(comma + 1);
  }
  return list;
}

std::string RangeText(VlanRange range) {
  if (range.first == range.last) return fmt::format("{}", range.first.value);
  return fmt::format("{}-{}", range.first.value, range.last.value);
}

PortVlans OnlyPvid(VlanId pvid) {
  PortVlans vlans;
  if (pvid == kNoVlan) return vlans;
  vlans.members.insert(pvid);
  vlans.untagged.insert(pvid);
  vlans.pvid = pvid;
  return vlans;
}

absl::Status AddVlans(VlanRange range, bool pvid, bool untagged, PortVlans& vlans) {
  if (pvid && range.first != range.last) {
    return absl::InvalidArgumentError(
        fmt::format("vid {}: a port has one PVID: add that VLAN by itself", RangeText(range)));
  }
  ForEachIn(range, [&](VlanId vlan) {
    vlans.members.insert(vlan);
    vlans.untagged.erase(vlan);
    if (untagged) vlans.untagged.insert(vlan);
    if (vlans.pvid == vlan) vlans.pvid = kNoVlan;
  });
  if (pvid) vlans.pvid = range.first;
  return absl::OkStatus();
}

absl::Status AddVlanList(const std::vector<VlanRange>& list, bool pvid, bool untagged,
                         PortVlans& vlans) {
  if (pvid && list.size() > 1) {
    return absl::InvalidArgumentError(
        fmt::format("vid {},{}{}: a port has one PVID: add that VLAN by itself", RangeText(list[0]),
                    RangeText(list[1]), list.size() > 2 ? ",..." : ""));
  }
  for (const VlanRange range : list) {
    if (absl::Status added = AddVlans(range, pvid, untagged, vlans); !added.ok()) return added;
  }
  return absl::OkStatus();
}

void DeleteVlans(VlanRange range, PortVlans& vlans) {
  ForEachIn(range, [&](VlanId vlan) {
    vlans.members.erase(vlan);
    vlans.untagged.erase(vlan);
    if (vlans.pvid == vlan) vlans.pvid = kNoVlan;
  });
  TidyExceptions(vlans);
}

void ChangeDefaultPvid(VlanId from, VlanId to, PortVlans& vlans) {
  if (from == to) return;
  const bool has_default = from != kNoVlan && vlans.pvid == from && vlans.untagged.contains(from);
  if (to == kNoVlan) {
    if (has_default) DeleteVlans({from, from}, vlans);
    return;
  }
  const bool follows = (from == kNoVlan || has_default) && !vlans.members.contains(to);
  if (!follows) return;
  if (has_default) DeleteVlans({from, from}, vlans);
  static_cast<void>(AddVlans({to, to}, /*pvid=*/true, /*untagged=*/true, vlans));
}

VlanForwarding& ExceptionFor(VlanId vlan, PortVlans& vlans) {
  const auto at = FindException(vlan, vlans.exceptions);
  if (at != vlans.exceptions.end() && at->vlan == vlan) return *at;
  return *vlans.exceptions.insert(at, {.vlan = vlan});
}

void TidyExceptions(PortVlans& vlans) {
  std::erase_if(vlans.exceptions, [&](const VlanForwarding& exception) {
    return !vlans.members.contains(exception.vlan) ||
           exception == VlanForwarding{.vlan = exception.vlan};
  });
}

std::vector<VlanRange> RangesOf(const PortVlans& vlans) {
  std::vector<VlanRange> ranges;
  vlans.members.ForEach([&](VlanId vlan) {
    const bool goes_on = !ranges.empty() && ranges.back().last.value + 1 == vlan.value &&
                         AreAlike(ranges.back().last, vlan, vlans);
    if (goes_on) {
      ranges.back().last = vlan;
    } else {
      ranges.push_back({vlan, vlan});
    }
  });
  return ranges;
}

std::optional<EtherType> ParseVlanProtocol(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (lower == "802.1q") return EtherType::kVlan;
  if (lower == "802.1ad") return EtherType::kServiceVlan;
  return std::nullopt;
}

std::string_view NameOfVlanProtocol(EtherType protocol) {
  return protocol == EtherType::kServiceVlan ? "802.1ad" : "802.1Q";
}

}  // namespace tapswitch
