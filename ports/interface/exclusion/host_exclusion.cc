#include "ports/interface/exclusion/host_exclusion.h"

#include <utility>

#include "ports/interface/exclusion/clsact_filter.h"
#include "ports/interface/exclusion/lease_mark.h"
#include "ports/interface/exclusion/tcx_link.h"
#include "ports/os/file_descriptor.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

class ByTcx final : public HostExclusion {
 public:
  ByTcx(FileDescriptor link, bool carries) : HostExclusion(carries), link_(std::move(link)) {}

  [[nodiscard]] bool HandOver(PortHandover& to) const override {
    to.numbers["carries"] = carries() ? 1 : 0;
    return to.AddCopy("exclusion", link_.get());
  }

 private:
  FileDescriptor link_;
};

class ByClsact final : public HostExclusion {
 public:
  ByClsact(std::unique_ptr<ClsactFilter> filter, bool carries)
      : HostExclusion(carries), filter_(std::move(filter)) {}

  [[nodiscard]] bool HandOver(PortHandover& to) const override {
    to.numbers["carries"] = carries() ? 1 : 0;
    to.numbers["clsact"] = 1;
    to.numbers["made_discipline"] = filter_->made_discipline() ? 1 : 0;
    return true;
  }

 private:
  std::unique_ptr<ClsactFilter> filter_;
};

using Exclusion = absl::StatusOr<std::unique_ptr<HostExclusion>>;

Exclusion ApplyWith(const NetworkNamespace& netns, int ifindex, const FileDescriptor* carrier) {
  const bool carries = carrier != nullptr;
  auto link = carries ? AttachTcx(netns, ifindex, *carrier) : AttachTcxDrop(netns, ifindex);
  if (link.ok()) {
    ClsactFilter::RemoveAbandoned(netns, ifindex, ClsactFilter::Leased::kGo);
    return HostExclusion::ByLink(*std::move(link), carries);
  }
  auto filter = ClsactFilter::Add(netns, ifindex, carrier);
  if (filter.ok()) return std::make_unique<ByClsact>(*std::move(filter), carries);
  return absl::UnavailableError(fmt::format("TCX: {}; clsact: {}",
                                            std::string(link.status().message()),
                                            std::string(filter.status().message())));
}

}  // namespace

Exclusion HostExclusion::Apply(const NetworkNamespace& netns, int ifindex,
                               const FileDescriptor* carrier) {
  Exclusion applied = ApplyWith(netns, ifindex, carrier);
  if (!applied.ok() && carrier != nullptr) applied = ApplyWith(netns, ifindex, nullptr);
  if (applied.ok()) TakeUpLease(netns.id(), ifindex);
  return applied;
}

std::unique_ptr<HostExclusion> HostExclusion::ByLink(FileDescriptor link, bool carries) {
  return std::make_unique<ByTcx>(std::move(link), carries);
}

Exclusion HostExclusion::Inherit(const NetworkNamespace& netns, int ifindex,
                                 PortHandover& inherited) {
  const bool carries = inherited.number("carries") != 0;
  if (inherited.has("exclusion")) return ByLink(inherited.Take("exclusion"), carries);
  if (inherited.number("clsact") == 0) return nullptr;
  auto filter = ClsactFilter::Inherit(netns, ifindex, inherited.number("made_discipline") != 0);
  if (!filter.ok()) return filter.status();
  return std::make_unique<ByClsact>(*std::move(filter), carries);
}

void HostExclusion::Repair(const NetworkNamespace& netns, int ifindex) {
  ClsactFilter::RemoveAbandoned(netns, ifindex);
}

void HostExclusion::RepairAll(const NetworkNamespace& netns) {
  ClsactFilter::RemoveAllAbandoned(netns);
}

}  // namespace tapswitch
