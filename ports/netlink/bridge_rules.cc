#include "ports/netlink/bridge_rules.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstddef>

#include "ports/netlink/route_socket.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {
namespace {

constexpr unsigned char kBridgeFamily = 7;  // NFPROTO_BRIDGE; its header does not go with others

constexpr int TypeOf(int message) { return (NFNL_SUBSYS_NFTABLES << 8) | message; }

// Whether more is to come.
bool TakeTables(std::byte* bytes, ssize_t size, std::vector<std::string>& names) {
  int left = static_cast<int>(size);
  for (auto* message = reinterpret_cast<nlmsghdr*>(bytes); nlmsg_ok(message, left) != 0;
       message = nlmsg_next(message, &left)) {
    if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) return false;
    if (message->nlmsg_type != TypeOf(NFT_MSG_NEWTABLE)) continue;
    const nlattr* const name = nlmsg_find_attr(message, sizeof(nfgenmsg), NFTA_TABLE_NAME);
    if (name != nullptr) names.emplace_back(nla_get_string(name));
  }
  return true;
}

}  // namespace

std::vector<std::string> ListBridgeRuleTables() {
  constexpr size_t kMostAtOnce = 32768;
  constexpr timeval kPatience{.tv_sec = 1, .tv_usec = 0};
  std::vector<std::string> names;
  const FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!socket.valid()) return names;
  static_cast<void>(
      setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience)));
  NlMessage request = NewNlMessage(TypeOf(NFT_MSG_GETTABLE), NLM_F_REQUEST | NLM_F_DUMP);
  nfgenmsg header{.nfgen_family = kBridgeFamily, .version = NFNETLINK_V0, .res_id = 0};
  nlmsg_append(request.get(), &header, sizeof(header), NLMSG_ALIGNTO);
  const nlmsghdr* const question = nlmsg_hdr(request.get());
  if (send(socket.get(), question, question->nlmsg_len, 0) < 0) return names;
  alignas(nlmsghdr) std::array<std::byte, kMostAtOnce> buffer{};
  ssize_t size = 0;
  do {
    size = recv(socket.get(), buffer.data(), buffer.size(), 0);
  } while (size > 0 && TakeTables(buffer.data(), size, names));
  return names;
}

}  // namespace tapswitch
