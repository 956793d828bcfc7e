// The report of a session: the link, and its state for people.

#include <span>

#include "ports/vhost_user/features.h"
#include "ports/vhost_user/session.h"

namespace tapswitch {

std::string NamesOfFeatures(uint64_t features) {
  std::string names;
  for (const VirtioFeature& feature : kOfferedFeatures) {
    if ((features & (uint64_t{1} << feature.bit)) == 0) continue;
    if (!names.empty()) names += ' ';
    names += feature.name;
  }
  return names;
}

std::string VhostSession::Obstacle() const {
  if (!trouble_.empty()) return trouble_;
  for (const Ring& ring : std::span(rings_).first(2)) {
    if (!ring.running) return "no driver of the guest runs: it boots, stands still, or has none";
    if (!IsEnabled(ring)) return "the guest has not enabled it";
  }
  return {};
}

VhostLink VhostSession::link() const {
  VhostLink link{.reason = Obstacle(), .mtu = mtu_};
  link.is_up = link.reason.empty();
  if (!has(virtio::kGuestCsum)) return link;
  link.accepted.insert(Offload::kChecksum);
  if (has(virtio::kGuestTso4)) link.accepted.insert(Offload::kTcp4);
  if (has(virtio::kGuestTso6)) link.accepted.insert(Offload::kTcp6);
  if (has(virtio::kGuestEcn)) link.accepted.insert(Offload::kTcpEcn);
  if (has(virtio::kGuestUso4)) link.accepted.insert(Offload::kUdp4);
  if (has(virtio::kGuestUso6)) link.accepted.insert(Offload::kUdp6);
  return link;
}

VhostSession::Summary VhostSession::summary() const {
  Summary summary{.features = features_,
                  .protocol_features = protocol_features_,
                  .regions = memory_->regions(),
                  .memory_bytes = memory_->bytes(),
                  .refused = refused_,
                  .ring_size = static_cast<uint16_t>(rings_[0].size)};
  for (size_t i = 0; i < rings_.size(); ++i) {
    if (rings_[i].running) ++summary.rings;
    if (i % 2 == 0 && rings_[i].running && IsEnabled(rings_[i])) ++summary.enabled_pairs;
  }
  return summary;
}

}  // namespace tapswitch
