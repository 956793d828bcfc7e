#include "ports/interface/exclusion/host_exclusion.h"

#include <utility>

#include "ports/interface/exclusion/clsact_filter.h"
#include "ports/interface/exclusion/tcx_link.h"
#include "ports/os/file_descriptor.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

class ByTcx final : public HostExclusion {
 public:
  explicit ByTcx(FileDescriptor link) : link_(std::move(link)) {}

 private:
  FileDescriptor link_;
};

class ByClsact final : public HostExclusion {
 public:
  explicit ByClsact(std::unique_ptr<ClsactFilter> filter) : filter_(std::move(filter)) {}

 private:
  std::unique_ptr<ClsactFilter> filter_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostExclusion>> HostExclusion::Apply(const NetworkNamespace& netns,
                                                                    int ifindex) {
  auto link = AttachTcxDrop(netns, ifindex);
  if (link.ok()) {
    Repair(netns, ifindex);
    return std::make_unique<ByTcx>(*std::move(link));
  }
  auto filter = ClsactFilter::Add(netns, ifindex);
  if (filter.ok()) return std::make_unique<ByClsact>(*std::move(filter));
  return absl::UnavailableError(fmt::format("TCX: {}; clsact: {}",
                                            std::string(link.status().message()),
                                            std::string(filter.status().message())));
}

void HostExclusion::Repair(const NetworkNamespace& netns, int ifindex) {
  ClsactFilter::RemoveAbandoned(netns, ifindex);
}

void HostExclusion::RepairAll(const NetworkNamespace& netns) {
  ClsactFilter::RemoveAllAbandoned(netns);
}

}  // namespace tapswitch
