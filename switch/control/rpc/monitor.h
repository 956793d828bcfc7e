// Passes events on to the clients that subscribed to them, and tells a client that did not keep up
// how many it missed, and of which objects, so that it can read those anew.

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
  // Sends a whole line. Returns false if the client has too many unread bytes, or is gone.
  using Push = std::function<bool(ClientId, std::string line)>;

  explicit Monitor(Push push) : push_(std::move(push)) {}

  // The objects that can be watched, as bits.
  using Objects = uint32_t;
  // Parses names of objects. InvalidArgument if one of them is unknown.
  [[nodiscard]] static absl::StatusOr<Objects> ParseObjects(const std::vector<std::string>& names);
  static Objects AllObjects();

  void Subscribe(ClientId client, Objects objects) { readers_[client] = {.objects = objects}; }
  void Unsubscribe(ClientId client) { readers_.erase(client); }
  [[nodiscard]] bool HasReader(ClientId client) const { return readers_.contains(client); }
  [[nodiscard]] bool IsWatched(std::string_view object) const;

  // Sends an event of `object`. `members` follow those that every event has.
  void Publish(std::string_view object, std::string_view event,
               const nlohmann::ordered_json& members);

  // Sends an event to all who watch anything.
  void PublishToAll(std::string_view object, std::string_view event,
                    const nlohmann::ordered_json& members);

  // Records that `count` events of `object` will not be published.
  void Miss(std::string_view object, uint64_t count);

  // Called when the client has room again.
  void OnWritable(ClientId client);

 private:
  struct Reader {
    Objects objects = 0;
    uint64_t missed = 0;     // events missed since the last report
    Objects incomplete = 0;  // the objects that those were events of
  };

  bool ReportMissed(ClientId client, Reader& reader);

  Push push_;
  std::map<ClientId, Reader> readers_;
};

}  // namespace tapswitch
