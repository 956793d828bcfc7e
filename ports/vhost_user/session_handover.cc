// Handing a session over to another process, and going on with it there.

#include <string>
#include <utility>

#include "ports/vhost_user/session.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

bool AddFile(const SharedFile& file, const std::string& name, PortHandover& to) {
  return file == nullptr || to.AddCopy(name, file->get());
}

SharedFile TakeFile(PortHandover& from, const std::string& name) {
  FileDescriptor file = from.Take(name);
  return file.valid() ? std::make_shared<const FileDescriptor>(std::move(file)) : nullptr;
}

std::string RegionName(size_t index) { return fmt::format("region{}", index); }
std::string RingName(size_t index) { return fmt::format("ring{}", index); }

}  // namespace

bool VhostSession::Save(PortHandover& to) const {
  to.numbers["features"] = features_;
  to.numbers["protocol_features"] = protocol_features_;
  to.numbers["device_status"] = device_status_;
  to.numbers["mtu"] = mtu_;
  to.numbers["regions"] = memory_->regions();
  for (size_t i = 0; i < memory_->regions(); ++i) {
    const auto [region, fd] = memory_->region(i);
    const std::string name = RegionName(i);
    to.numbers[name + "_guest"] = region.guest_address;
    to.numbers[name + "_size"] = region.size;
    to.numbers[name + "_user"] = region.user_address;
    to.numbers[name + "_offset"] = region.file_offset;
    if (!to.AddCopy(name, fd)) return false;
  }
  for (size_t i = 0; i < rings_.size(); ++i) {
    if (!SaveRing(rings_[i], RingName(i), to)) return false;
  }
  return true;
}

bool VhostSession::SaveRing(const Ring& ring, const std::string& name, PortHandover& to) {
  to.numbers[name + "_size"] = ring.size;
  to.numbers[name + "_has_address"] = ring.has_address ? 1 : 0;
  to.numbers[name + "_descriptors"] = ring.descriptors;
  to.numbers[name + "_available"] = ring.available;
  to.numbers[name + "_used"] = ring.used;
  to.numbers[name + "_base"] = ring.base;
  to.numbers[name + "_enabled"] = ring.enabled ? 1 : 0;
  if (ring.error.valid() && !to.AddCopy(name + "_error", ring.error.get())) return false;
  return AddFile(ring.kick, name + "_kick", to) && AddFile(ring.call, name + "_call", to);
}

void VhostSession::RestoreRing(PortHandover& from, const std::string& name, Ring& ring) {
  ring.size = static_cast<uint32_t>(from.number(name + "_size"));
  ring.has_address = from.number(name + "_has_address") != 0;
  ring.descriptors = from.number(name + "_descriptors");
  ring.available = from.number(name + "_available");
  ring.used = from.number(name + "_used");
  ring.base = static_cast<uint16_t>(from.number(name + "_base"));
  ring.enabled = from.number(name + "_enabled") != 0;
  ring.error = from.Take(name + "_error");
  ring.kick = TakeFile(from, name + "_kick");
  ring.call = TakeFile(from, name + "_call");
}

absl::Status VhostSession::RestoreMemory(PortHandover& from) {
  auto memory = memory_;
  const size_t regions = from.number("regions");
  for (size_t i = 0; i < regions; ++i) {
    const std::string name = RegionName(i);
    auto more = memory->With({.guest_address = from.number(name + "_guest"),
                              .size = from.number(name + "_size"),
                              .user_address = from.number(name + "_user"),
                              .file_offset = from.number(name + "_offset")},
                             from.Take(name));
    if (!more.ok()) return more.status();
    memory = *std::move(more);
  }
  memory_ = std::move(memory);
  return absl::OkStatus();
}

absl::Status VhostSession::Restore(PortHandover& from) {
  features_ = from.number("features") & OfferedFeatures();
  protocol_features_ = from.number("protocol_features");
  device_status_ = static_cast<uint8_t>(from.number("device_status"));
  mtu_ = static_cast<uint32_t>(from.number("mtu"));
  if (absl::Status restored = RestoreMemory(from); !restored.ok()) return restored;
  for (uint32_t i = 0; i < rings_.size(); ++i) {
    RestoreRing(from, RingName(i), rings_[i]);
    StartIfReady(i);
  }
  Publish();
  return absl::OkStatus();
}

}  // namespace tapswitch
