#include "ports/interface/exclusion/clsact_filter.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "ports/interface/exclusion/lease_mark.h"
#include "ports/netlink/route_socket.h"
#include "ports/os/runtime_locks.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr uint32_t kIngress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
constexpr uint32_t kEgress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);

constexpr uint32_t kHandle = kClsactFilterHandle;

struct Filter {
  std::string kind;
  uint32_t handle = 0;
  uint32_t info = 0;  // priority and protocol
};

void IgnoreReply(nlmsghdr& /*reply*/) {}

NlMessage NewRequest(int type, int flags, const tcmsg& header) {
  NlMessage request = NewNlMessage(type, flags);
  if (nlmsg_append(request.get(), const_cast<tcmsg*>(&header), sizeof(header), NLMSG_ALIGNTO) < 0) {
    throw std::bad_alloc();
  }
  return request;
}

tcmsg HeaderFor(int ifindex, uint32_t parent) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = ifindex;
  header.tcm_parent = parent;
  return header;
}

// Requests about one interface of a namespace that the thread is in.
class TrafficControl {
 public:
  explicit TrafficControl(RouteSocket& socket, int ifindex) : socket_(socket), ifindex_(ifindex) {}

  absl::Status AddDiscipline() {
    tcmsg header = HeaderFor(ifindex_, TC_H_CLSACT);
    header.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
    NlMessage request = NewRequest(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, header);
    nla_put_string(request.get(), TCA_KIND, "clsact");
    return socket_.Transact(std::move(request), IgnoreReply);
  }

  void RemoveDisciplineIfUnused() {
    if (!Filters(kIngress).empty() || !Filters(kEgress).empty()) return;
    const tcmsg header = HeaderFor(ifindex_, TC_H_CLSACT);
    static_cast<void>(socket_.Transact(NewRequest(RTM_DELQDISC, NLM_F_ACK, header), IgnoreReply));
  }

  // In the place of one that a killed switch has left, without a moment in which there is none.
  // Else in front of all filters that there are, unless the first has priority 1 and is of another
  // kind; then where the kernel chooses.
  absl::Status AddFilter(const FileDescriptor* program) {
    constexpr uint32_t kFirst = 1U << 16U;
    constexpr uint32_t kAny = 0;
    if (const auto info = FindFilter()) {
      if (AddFilter(*info, 0, program).ok()) return absl::OkStatus();
      static_cast<void>(RemoveFilter());
    }
    const uint32_t all = TC_H_MAKE(0U, htons(ETH_P_ALL));
    absl::Status added = AddFilter(kFirst | all, NLM_F_EXCL, program);
    return added.ok() ? added : AddFilter(kAny | all, NLM_F_EXCL, program);
  }

  // Returns the priority and protocol of the filter; nothing when there is none.
  std::optional<uint32_t> FindFilter() {
    for (const Filter& filter : Filters(kIngress)) {
      if (filter.kind == "bpf" && filter.handle == kHandle) return filter.info;
    }
    return std::nullopt;
  }

  // True when there was one.
  bool RemoveFilter() {
    bool found = false;
    for (const Filter& filter : Filters(kIngress)) {
      if (filter.kind != "bpf" || filter.handle != kHandle) continue;
      tcmsg header = HeaderFor(ifindex_, kIngress);
      header.tcm_handle = filter.handle;
      header.tcm_info = filter.info;
      NlMessage request = NewRequest(RTM_DELTFILTER, NLM_F_ACK, header);
      nla_put_string(request.get(), TCA_KIND, "bpf");
      found |= socket_.Transact(std::move(request), IgnoreReply).ok();
    }
    return found;
  }

 private:
  absl::Status AddFilter(uint32_t info, int flags, const FileDescriptor* program) {
    tcmsg header = HeaderFor(ifindex_, kIngress);
    header.tcm_handle = kHandle;
    header.tcm_info = info;
    NlMessage request = NewRequest(RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | flags, header);
    nla_put_string(request.get(), TCA_KIND, "bpf");
    nlattr* const options = nla_nest_start(request.get(), TCA_OPTIONS);
    if (program != nullptr) {
      nla_put_u32(request.get(), TCA_BPF_FD, static_cast<uint32_t>(program->get()));
    } else {
      const sock_filter drop{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = TC_ACT_SHOT};
      nla_put_u16(request.get(), TCA_BPF_OPS_LEN, 1);
      nla_put(request.get(), TCA_BPF_OPS, sizeof(drop), &drop);
    }
    nla_put_u32(request.get(), TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    nla_nest_end(request.get(), options);
    return socket_.Transact(std::move(request), IgnoreReply);
  }

  // Those that match something: a chain is announced with a line of its own, whose handle is 0.
  std::vector<Filter> Filters(uint32_t parent) {
    std::vector<Filter> filters;
    static_cast<void>(socket_.Transact(
        NewRequest(RTM_GETTFILTER, NLM_F_DUMP, HeaderFor(ifindex_, parent)), [&](nlmsghdr& reply) {
          if (reply.nlmsg_type != RTM_NEWTFILTER) return;
          const auto* const header = static_cast<const tcmsg*>(nlmsg_data(&reply));
          nlattr* const kind = nlmsg_find_attr(&reply, sizeof(tcmsg), TCA_KIND);
          if (kind == nullptr || header->tcm_handle == 0) return;
          filters.push_back({nla_get_string(kind), header->tcm_handle, header->tcm_info});
        }));
    return filters;
  }

  RouteSocket& socket_;
  int ifindex_;
};

// Held while an owner lives. AlreadyExists names who holds it.
absl::StatusOr<RuntimeLock> TakeLock(NetnsId netns, int ifindex) {
  const auto locks = RuntimeLocks::OfProcess();
  if (!locks.ok()) return locks.status();
  return locks->Take(fmt::format("clsact {} {}", netns.inode, ifindex));
}

// Calls a function with the traffic control of the interface, in its namespace.
template <typename Function>
absl::Status Inside(const NetworkNamespace& netns, Function function) {
  const auto scope = NetnsScope::Enter(netns);
  if (!scope.ok()) return scope.status();
  auto socket = RouteSocket::Open();
  if (!socket.ok()) return socket.status();
  return function(*socket);
}

void RemoveIfAbandoned(RouteSocket& socket, NetnsId netns, int ifindex,
                       ClsactFilter::Leased leased) {
  if (leased == ClsactFilter::Leased::kStay && IsLeased(netns, ifindex)) return;
  const auto lock = TakeLock(netns, ifindex);
  if (!lock.ok()) return;
  TrafficControl control(socket, ifindex);
  // Whether the discipline was there before it, nobody knows any more; an empty one does nothing.
  if (control.RemoveFilter()) control.RemoveDisciplineIfUnused();
}

// The interfaces that have the queueing discipline.
std::vector<int> InterfacesWithDiscipline(RouteSocket& socket) {
  std::vector<int> interfaces;
  static_cast<void>(
      socket.Transact(NewRequest(RTM_GETQDISC, NLM_F_DUMP, HeaderFor(0, 0)), [&](nlmsghdr& reply) {
        if (reply.nlmsg_type != RTM_NEWQDISC) return;
        nlattr* const kind = nlmsg_find_attr(&reply, sizeof(tcmsg), TCA_KIND);
        if (kind == nullptr || std::string_view(nla_get_string(kind)) != "clsact") return;
        interfaces.push_back(static_cast<const tcmsg*>(nlmsg_data(&reply))->tcm_ifindex);
      }));
  return interfaces;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClsactFilter>> ClsactFilter::Inherit(const NetworkNamespace& netns,
                                                                    int ifindex,
                                                                    bool made_discipline) {
  auto lock = TakeLock(netns.id(), ifindex);
  if (!lock.ok()) return lock.status();
  auto kept = netns.Copy();
  if (!kept.ok()) return kept.status();
  return std::unique_ptr<ClsactFilter>(
      new ClsactFilter(*std::move(kept), ifindex, *std::move(lock), made_discipline));
}

absl::StatusOr<std::unique_ptr<ClsactFilter>> ClsactFilter::Add(const NetworkNamespace& netns,
                                                                int ifindex,
                                                                const FileDescriptor* program) {
  std::unique_ptr<ClsactFilter> filter;
  const absl::Status added = Inside(netns, [&](RouteSocket& socket) {
    auto lock = TakeLock(netns.id(), ifindex);
    if (absl::IsAlreadyExists(lock.status())) {
      return absl::UnavailableError(fmt::format("another switch keeps the host out already: {}",
                                                std::string(lock.status().message())));
    }
    if (!lock.ok()) return lock.status();
    TrafficControl control(socket, ifindex);
    const bool repaired = control.FindFilter().has_value();
    absl::Status discipline = control.AddDiscipline();
    if (!discipline.ok() && !absl::IsAlreadyExists(discipline)) return discipline;
    auto kept = netns.Copy();
    if (!kept.ok()) return kept.status();
    filter.reset(
        new ClsactFilter(*std::move(kept), ifindex, *std::move(lock), discipline.ok() || repaired));
    return control.AddFilter(program);  // on an error the destructor tidies up
  });
  if (!added.ok()) return added;
  return filter;
}

ClsactFilter::ClsactFilter(NetworkNamespace netns, int ifindex, RuntimeLock lock,
                           bool made_discipline)
    : netns_(std::move(netns)),
      ifindex_(ifindex),
      lock_(std::move(lock)),
      made_discipline_(made_discipline) {}

ClsactFilter::~ClsactFilter() {
  static_cast<void>(Inside(netns_, [this](RouteSocket& socket) {
    TrafficControl control(socket, ifindex_);
    static_cast<void>(control.RemoveFilter());
    if (made_discipline_) control.RemoveDisciplineIfUnused();
    return absl::OkStatus();
  }));
}

void ClsactFilter::RemoveAbandoned(const NetworkNamespace& netns, int ifindex, Leased leased) {
  static_cast<void>(Inside(netns, [&](RouteSocket& socket) {
    RemoveIfAbandoned(socket, netns.id(), ifindex, leased);
    return absl::OkStatus();
  }));
}

void ClsactFilter::RemoveAllAbandoned(const NetworkNamespace& netns) {
  static_cast<void>(Inside(netns, [&](RouteSocket& socket) {
    for (const int ifindex : InterfacesWithDiscipline(socket)) {
      RemoveIfAbandoned(socket, netns.id(), ifindex, Leased::kStay);
    }
    return absl::OkStatus();
  }));
}

}  // namespace tapswitch
