#include "model/history.hpp"

namespace hubproof::model {

const char* error_text(Error error) {
  switch (error) {
    case Error::none:
      return "none";
    case Error::device_not_found:
      return "device_not_found";
    case Error::queue_full:
      return "queue_full";
    case Error::too_large:
      return "too_large";
    case Error::invalid_expiry:
      return "invalid_expiry";
    case Error::lock_lost:
      return "lock_lost";
    case Error::not_found:
      return "not_found";
    case Error::device_exists:
      return "device_exists";
    case Error::bad_request:
      return "bad_request";
    case Error::storage:
      return "storage";
    case Error::timed_out:
      return "timed_out";
    case Error::disabled:
      return "disabled";
    case Error::unauthorized:
      return "unauthorized";
    case Error::precondition_failed:
      return "precondition_failed";
    case Error::throttled:
      return "throttled";
    case Error::quota_exceeded:
      return "quota_exceeded";
  }
  return "unknown";
}

}  // namespace hubproof::model
