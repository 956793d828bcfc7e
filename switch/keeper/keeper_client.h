// The keeper, as the switch sees it.

#pragma once

#include "absl/status/statusor.h"
#include "ports/os/unix/descriptor_channel.h"
#include "switch/keeper/keeper_message.h"
#include "switch/keeper/part_store.h"

namespace tapswitch {

class KeeperClient final : public PartStore {
 public:
  explicit KeeperClient(DescriptorChannel channel) : channel_(std::move(channel)) {}

  // Returns what was kept for a switch that has died.
  [[nodiscard]] absl::StatusOr<KeeperAnswer> Hello() const;
  // Has the keeper close all that was kept, as it is of no use.
  [[nodiscard]] absl::Status GiveUp() const;

  [[nodiscard]] absl::Status Keep(const std::string& part, PortHandover files) override;
  [[nodiscard]] absl::Status Forget(const std::string& part) override;
  [[nodiscard]] bool closes_in_time() const override { return true; }
  void Ready() override;
  void End() override;

  // The switch's end of the channel, for a successor.
  [[nodiscard]] int fd() const { return channel_.fd(); }

 private:
  [[nodiscard]] absl::StatusOr<KeeperAnswer> Call(const KeeperCall& call) const;

  DescriptorChannel channel_;
};

}  // namespace tapswitch
