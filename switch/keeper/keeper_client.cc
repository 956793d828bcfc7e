#include "switch/keeper/keeper_client.h"

#include <chrono>
#include <utility>

namespace tapswitch {
namespace {

// A keeper does nothing but answer.
constexpr std::chrono::seconds kKeeperPatience(5);

}  // namespace

absl::StatusOr<KeeperAnswer> KeeperClient::Call(const KeeperCall& call) const {
  const auto deadline = DescriptorChannel::Clock::now() + kKeeperPatience;
  const OutgoingMessage message = EncodeCall(call);
  const absl::Status sent = channel_.Send(message.text, message.files, deadline);
  if (!sent.ok()) return sent;
  auto answer = channel_.Receive(deadline);
  if (!answer.ok()) return answer.status();
  return DecodeKeeperAnswer(*std::move(answer));
}

absl::StatusOr<KeeperAnswer> KeeperClient::Hello() const {
  return Call({.kind = KeeperCall::Kind::kHello});
}

absl::Status KeeperClient::GiveUp() const {
  return Call({.kind = KeeperCall::Kind::kGiveUp}).status();
}

absl::Status KeeperClient::Keep(const std::string& part, PortHandover files) {
  return Call({.kind = KeeperCall::Kind::kKeep, .part = part, .files = std::move(files)}).status();
}

absl::Status KeeperClient::Forget(const std::string& part) {
  return Call({.kind = KeeperCall::Kind::kForget, .part = part}).status();
}

void KeeperClient::Ready() { static_cast<void>(Call({.kind = KeeperCall::Kind::kReady})); }

void KeeperClient::End() { static_cast<void>(Call({.kind = KeeperCall::Kind::kEnd})); }

}  // namespace tapswitch
