// HTTP requests as the vendor's Node SDKs put them on the wire, captured once: raw, with their chunks.
#pragma once

#include <array>
#include <string_view>

namespace hubproof::golden {

struct HttpVector {
  std::string_view id;
  std::string_view head;  // start line and fields, with the empty line
  std::string_view body;
};

inline constexpr std::array<HttpVector, 15> http_vectors{{
    {"http.d2c",
     "POST /devices/dev1/messages/events?api-version=2021-04-12 HTTP/1.1\r\n"
     "iothub-to: /devices/dev1/messages/events\r\n"
     "User-Agent: azure-iot-device/1.18.4 (node v20.20.2; Debian 12; x64)\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test%2Fdevices%2Fdev1&sig=Ygt5Rs%2BSAowJVYN0AeBxGUcCymmvefe%2BVnca30FSCN4%3D&se=1795429152\r\n"
     "iothub-app-run: gold\r\n"
     "iothub-app-seq: 0\r\n"
     "iothub-app-odd: a b&c=d/e?f%25\r\n"
     "IoTHub-MessageId: gold-0\r\n"
     "IoTHub-CorrelationId: corr-0\r\n"
     "iothub-contenttype: application/json\r\n"
     "iothub-contentencoding: utf-8\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n"
     "Transfer-Encoding: chunked\r\n\r\n",
     R"json({"run":"gold","seq":0,"pad":""})json"},
    {"http.d2c-batch",
     "POST /devices/dev1/messages/events?api-version=2021-04-12 HTTP/1.1\r\n"
     "iothub-to: /devices/dev1/messages/events\r\n"
     "Content-Type: application/vnd.microsoft.iothub.json\r\n"
     "User-Agent: azure-iot-device/1.18.4 (node v20.20.2; Debian 12; x64)\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test%2Fdevices%2Fdev1&sig=wEMKWmUqL%2BK7%2BFnX70p6Iot9pOUoFWqRZqJ39OYvzM8%3D&se=1795429153\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n"
     "Transfer-Encoding: chunked\r\n\r\n",
     R"json([{"body": "eyJydW4iOiJnb2xkIiwic2VxIjowLCJwYWQiOiIifQ==", "properties":{"iothub-app-run":"gold","iothub-app-seq":"0","iothub-app-odd":"a b&c=d/e?f%25"}},{"body": "eyJydW4iOiJnb2xkIiwic2VxIjoxLCJwYWQiOiIifQ==", "properties":{"iothub-app-run":"gold","iothub-app-seq":"1","iothub-app-odd":"a b&c=d/e?f%25"}}])json"},
    {"http.c2d.receive",
     "GET /devices/dev1/messages/devicebound?api-version=2021-04-12 HTTP/1.1\r\n"
     "iothub-to: /devices/dev1/messages/devicebound\r\n"
     "User-Agent: azure-iot-device/1.18.4 (node v20.20.2; Debian 12; x64)\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test%2Fdevices%2Fdev1&sig=khqTHMmv3tKEolgC6DoBTxKG6GuHLh%2Bf5yeHePYgPs0%3D&se=1795429155\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     ""},
    {"http.c2d.complete",
     "DELETE /devices/dev1/messages/devicebound/a7ca2413-00f4-40b4-8189-727311e24ef3?api-version=2021-04-12 HTTP/1.1\r\n"
     "If-Match: a7ca2413-00f4-40b4-8189-727311e24ef3\r\n"
     "User-Agent: azure-iot-device/1.18.4 (node v20.20.2; Debian 12; x64)\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test%2Fdevices%2Fdev1&sig=khqTHMmv3tKEolgC6DoBTxKG6GuHLh%2Bf5yeHePYgPs0%3D&se=1795429155\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     ""},
    {"http.c2d.reject",
     "DELETE /devices/dev1/messages/devicebound/e2b716b5-ef63-45b4-8cbb-a5a60ffeda6b?api-version=2021-04-12&reject HTTP/1.1\r\n"
     "If-Match: e2b716b5-ef63-45b4-8cbb-a5a60ffeda6b\r\n"
     "User-Agent: azure-iot-device/1.18.4 (node v20.20.2; Debian 12; x64)\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test%2Fdevices%2Fdev1&sig=khqTHMmv3tKEolgC6DoBTxKG6GuHLh%2Bf5yeHePYgPs0%3D&se=1795429155\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     ""},
    {"http.c2d.abandon",
     "POST /devices/dev1/messages/devicebound/d96c91b3-9f09-49a9-af7c-8a07f8d9156e/abandon?api-version=2021-04-12 HTTP/1.1\r\n"
     "If-Match: d96c91b3-9f09-49a9-af7c-8a07f8d9156e\r\n"
     "User-Agent: azure-iot-device/1.18.4 (node v20.20.2; Debian 12; x64)\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test%2Fdevices%2Fdev1&sig=jTS%2BXby49RtI0O%2FG32%2FIBsrivLAz4bJBvRUMzzR8U7E%3D&se=1795429159\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n"
     "Content-Length: 0\r\n\r\n",
     ""},
    {"registry.create",
     "PUT /devices/dev2?api-version=2021-04-12 HTTP/1.1\r\n"
     "Content-Type: application/json; charset=utf-8\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test&sig=p6yKcIk0GmJLtdTBsjdlS%2FtHbFlmqnO9pf74iZicplQ%3D&skn=iothubowner&se=1795429163\r\n"
     "Request-Id: 8b4031c5-b1ab-4aed-80b1-67d70de55866\r\n"
     "User-Agent: azure-iothub/1.16.6\r\n"
     "Content-Length: 102\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     R"json({"deviceId":"dev2","authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}})json"},
    {"registry.get",
     "GET /devices/dev2?api-version=2021-04-12 HTTP/1.1\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test&sig=p6yKcIk0GmJLtdTBsjdlS%2FtHbFlmqnO9pf74iZicplQ%3D&skn=iothubowner&se=1795429163\r\n"
     "Request-Id: 2dc46b3e-c969-41ed-a6d2-fd585d65bb19\r\n"
     "User-Agent: azure-iothub/1.16.6\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     ""},
    {"registry.list",
     "GET /devices/?api-version=2021-04-12 HTTP/1.1\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test&sig=p6yKcIk0GmJLtdTBsjdlS%2FtHbFlmqnO9pf74iZicplQ%3D&skn=iothubowner&se=1795429163\r\n"
     "Request-Id: 4c287ba5-cc03-494b-ac0a-4bcdc46e296d\r\n"
     "User-Agent: azure-iothub/1.16.6\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     ""},
    {"registry.update",
     "PUT /devices/dev2?api-version=2021-04-12 HTTP/1.1\r\n"
     "Content-Type: application/json; charset=utf-8\r\n"
     "If-Match: \"*\"\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test&sig=p6yKcIk0GmJLtdTBsjdlS%2FtHbFlmqnO9pf74iZicplQ%3D&skn=iothubowner&se=1795429163\r\n"
     "Request-Id: 8eac5a09-c45b-43e7-a667-07f8a493bf80\r\n"
     "User-Agent: azure-iothub/1.16.6\r\n"
     "Content-Length: 145\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     R"json({"deviceId":"dev2","status":"disabled","statusReason":"probe","authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}})json"},
    {"registry.bulk-create",
     "POST /devices?api-version=2021-04-12 HTTP/1.1\r\n"
     "Content-Type: application/json; charset=utf-8\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test&sig=p6yKcIk0GmJLtdTBsjdlS%2FtHbFlmqnO9pf74iZicplQ%3D&skn=iothubowner&se=1795429163\r\n"
     "Request-Id: 9672db92-9be4-4d9c-9a4d-64297ae01699\r\n"
     "User-Agent: azure-iothub/1.16.6\r\n"
     "Content-Length: 123\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     R"json([{"id":"dev2-b0","importMode":"create","authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}}])json"},
    {"registry.bulk-delete",
     "POST /devices?api-version=2021-04-12 HTTP/1.1\r\n"
     "Content-Type: application/json; charset=utf-8\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test&sig=p6yKcIk0GmJLtdTBsjdlS%2FtHbFlmqnO9pf74iZicplQ%3D&skn=iothubowner&se=1795429163\r\n"
     "Request-Id: 7fa04acc-8ff6-4d16-9a60-5a71d33d2c3b\r\n"
     "User-Agent: azure-iothub/1.16.6\r\n"
     "Content-Length: 123\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     R"json([{"id":"dev2-b0","importMode":"Delete","authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}}])json"},
    {"registry.statistics",
     "GET /statistics/devices?api-version=2021-04-12 HTTP/1.1\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test&sig=p6yKcIk0GmJLtdTBsjdlS%2FtHbFlmqnO9pf74iZicplQ%3D&skn=iothubowner&se=1795429163\r\n"
     "Request-Id: bc293313-5f1b-4767-b8ae-6a09d4daafe3\r\n"
     "User-Agent: azure-iothub/1.16.6\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     ""},
    {"registry.purge",
     "DELETE /devices/dev2/commands?api-version=2020-09-30 HTTP/1.1\r\n"
     "content-type: application/json; charset=utf-8\r\n"
     "authorization: SharedAccessSignature sr=probehub.azure-devices.test&sig=p6yKcIk0GmJLtdTBsjdlS%2FtHbFlmqnO9pf74iZicplQ%3D&skn=iothubowner&se=1795429163\r\n"
     "user-agent: / ms-rest-js/2.7.0 Node/v20.20.2 OS/(...)\r\n"
     "Accept: */*\r\n"
     "Accept-Encoding: gzip,deflate\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     ""},
    {"registry.delete",
     "DELETE /devices/dev2?api-version=2021-04-12 HTTP/1.1\r\n"
     "If-Match: \"*\"\r\n"
     "Authorization: SharedAccessSignature sr=probehub.azure-devices.test&sig=p6yKcIk0GmJLtdTBsjdlS%2FtHbFlmqnO9pf74iZicplQ%3D&skn=iothubowner&se=1795429163\r\n"
     "Request-Id: 2bc2ca99-4dc4-4737-a758-f0f6e1815e99\r\n"
     "User-Agent: azure-iothub/1.16.6\r\n"
     "Host: probehub.azure-devices.test\r\n"
     "Connection: keep-alive\r\n\r\n",
     ""},
}};

constexpr const HttpVector& http_vector(std::string_view id) {
  for (const HttpVector& each : http_vectors)
    if (each.id == id) return each;
  throw "no such vector";
}

}  // namespace hubproof::golden
