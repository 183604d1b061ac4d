// The public form works without this; it only offers to fill in where one is.
"use strict";

const offer = document.getElementById("place");
if (navigator.geolocation) {
  offer.hidden = false;
  offer.addEventListener("click", () => {
    offer.disabled = true;
    navigator.geolocation.getCurrentPosition((position) => {
      document.getElementById("latitude").value = position.coords.latitude.toFixed(6);
      document.getElementById("longitude").value = position.coords.longitude.toFixed(6);
      offer.textContent = "Position filled in";
    }, () => {
      offer.disabled = false;
      offer.textContent = "Position is not told; write the address";
    });
  });
}
