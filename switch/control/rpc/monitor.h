// Who watches what: hands events to the clients that asked for them, and tells a slow one how many
// it missed.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "switch/control/rpc/control_socket.h"

namespace tapswitch {

class Monitor {
 public:
  // Whole lines; false when the client has too much unread, or is gone.
  using Push = std::function<bool(ClientId, std::string line)>;

  explicit Monitor(Push push) : push_(std::move(push)) {}

  // What can be watched, as bits.
  using Objects = uint32_t;
  // InvalidArgument when one of the names is not that of an object.
  [[nodiscard]] static absl::StatusOr<Objects> ParseObjects(const std::vector<std::string>& names);
  static Objects AllObjects();

  void Subscribe(ClientId client, Objects objects) { readers_[client] = {.objects = objects}; }
  void Unsubscribe(ClientId client) { readers_.erase(client); }
  [[nodiscard]] bool IsWatched(std::string_view object) const;

  // An event of `object`, whose members follow those that every event has.
  void Publish(std::string_view object, std::string_view event, nlohmann::ordered_json members);

  // `count` events of `object` are not going to be published.
  void Miss(std::string_view object, uint64_t count);

  // The client has room again.
  void OnWritable(ClientId client);

 private:
  struct Reader {
    Objects objects = 0;
    uint64_t missed = 0;  // since it was last told
  };

  bool ReportMissed(ClientId client, Reader& reader);

  Push push_;
  std::map<ClientId, Reader> readers_;
};

}  // namespace tapswitch
