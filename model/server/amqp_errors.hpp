// The hub's errors as AMQP's conditions [section 11 of the facts].
#pragma once

#include "model/amqp/engine.hpp"
#include "model/history.hpp"

namespace hubproof::model {

inline amqp::Error amqp_error(Error error) {
  const auto condition = [&]() -> const char* {
    switch (error) {
      case Error::device_not_found:
      case Error::not_found:
      case Error::disabled: return "amqp:not-found";                             // [ERR-18]
      case Error::queue_full: return "amqp:resource-limit-exceeded";             // [ERR-11]
      case Error::too_large: return "amqp:link:message-size-exceeded";           // [ERR-29]
      case Error::invalid_expiry: return "com.microsoft:argument-out-of-range";  // [ERR-15]
      case Error::lock_lost: return "com.microsoft:message-lock-lost";           // [ERR-27]
      case Error::bad_request: return "com.microsoft:argument-error";            // [ERR-03]
      case Error::unauthorized: return "amqp:unauthorized-access";               // [ERR-08]
      case Error::device_exists: return "com.microsoft:device-already-exists";
      case Error::precondition_failed: return "com.microsoft:precondition-failed";
      case Error::throttled: return "com.microsoft:device-container-throttled";  // [QUO-12]
      case Error::quota_exceeded: return "com.microsoft:quota-exceeded";         // [ERR-10]
      case Error::timed_out: return "com.microsoft:timeout";
      case Error::none: return "";
      default: return "amqp:internal-error";
    }
  };
  return {condition(), error_text(error)};
}

}  // namespace hubproof::model
