#include "ports/interface/host_lease.h"

#include <net/if.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "ports/interface/exclusion/clsact_filter.h"
#include "ports/interface/exclusion/lease_mark.h"
#include "ports/interface/interface_claim.h"

namespace tapswitch {
namespace {

constexpr const char* kLinkFile = "exclusion";
constexpr const char* kNetnsFile = "netns";

FileDescriptor CopyOfFile(const PortHandover& port, const char* name) {
  const auto found = port.files.find(name);
  if (found == port.files.end()) return {};
  return FileDescriptor(fcntl(found->second.get(), F_DUPFD_CLOEXEC, 0));
}

}  // namespace

bool HostLease::IsPossible(const PortHandover& port) {
  return port.has(kNetnsFile) && (port.has(kLinkFile) || port.number("clsact") != 0);
}

PortHandover HostLease::Reduce(PortHandover port) {
  std::erase_if(port.files, [](const auto& file) {
    return file.first != kLinkFile && file.first != kNetnsFile;
  });
  return port;
}

absl::StatusOr<HostLease> HostLease::Take(const PortHandover& port) {
  auto netns = NetworkNamespace::FromFile(CopyOfFile(port, kNetnsFile), "what is leased");
  if (!netns.ok()) return netns.status();
  FileDescriptor link = CopyOfFile(port, kLinkFile);
  if (port.has(kLinkFile) && !link.valid()) return absl::ErrnoToStatus(errno, "dup of a link");
  const auto ifindex = static_cast<int>(port.number("ifindex"));
  // The interface is leased also if there is no folder for locks, or another process has marked it.
  auto mark = MarkLease(netns->id(), ifindex);
  return HostLease(*std::move(netns), ifindex, std::move(link),
                   mark.ok() ? *std::move(mark) : RuntimeLock());
}

HostLease::HostLease(NetworkNamespace netns, int ifindex, FileDescriptor link, RuntimeLock mark)
    : netns_(std::move(netns)), ifindex_(ifindex), link_(std::move(link)), mark_(std::move(mark)) {}

HostLease::HostLease(HostLease&& other) noexcept
    : netns_(std::move(other.netns_)),
      ifindex_(std::exchange(other.ifindex_, 0)),
      link_(std::move(other.link_)),
      mark_(std::move(other.mark_)) {}

HostLease::~HostLease() {
  if (ifindex_ == 0) return;
  const bool is_filter = !link_.valid();
  link_ = {};
  mark_ = {};
  if (is_filter) ClsactFilter::RemoveAbandoned(netns_, ifindex_);
}

bool HostLease::HasGone() const {
  const auto inside = NetnsScope::Enter(netns_);
  std::array<char, IF_NAMESIZE> name{};
  return inside.ok() && if_indextoname(static_cast<unsigned>(ifindex_), name.data()) == nullptr &&
         errno == ENXIO;
}

bool HostLease::IsTakenUp() const { return InterfaceClaim::IsAnothers(netns_, ifindex_); }

}  // namespace tapswitch
